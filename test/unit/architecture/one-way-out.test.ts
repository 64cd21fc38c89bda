/** The shape that the promises rest on: one place grants a send, few places own sockets, one place reads `mode`. */
import { describe, expect, test } from 'vitest';
import { filesMatching, sourceFiles } from './source-tree.ts';

describe('a query leaves only with a permit', () => {
  test('only the charge step grants a send, and the look-up of the hosts in our own fixed tables and config', () => {
    expect(filesMatching('{src,scoring}/**/*.ts', /(?<!function )\bgrantSend\b\(/)).toEqual([
      'src/pipeline/own-look-up.ts',
      'src/pipeline/send.ts',
    ]);
  });

  test('no query path reaches the look-up of our own hosts', () => {
    const callers = filesMatching('{src,scoring}/**/*.ts', /(?<!function )\blookUpOwnHost\b/);
    expect(callers).toEqual(['src/assembly/domain-ages.ts', 'src/assembly/lists.ts', 'src/assembly/upstream-groups.ts']);
  });

  test('the query to an upstream is encoded only where the permit is redeemed', () => {
    const encoders = filesMatching('{src,scoring}/**/*.ts', /(?<!function )\bencodeUpstreamQuery\(/);
    expect(encoders.filter((path) => !path.startsWith('src/upstream/'))).toEqual([]);
  });

  test('the pipeline and everything it decides with neither sends nor connects', () => {
    const deciding = '{scoring,src/{pipeline,policy,session,quarantine,cache,wire}}/**/*.ts';
    expect(
      filesMatching(deciding, /\bfetch\(|\bnew (?:WebSocket|EventSource|XMLHttpRequest)\b|socket\b\S*\.(?:send|write|end)\(/i),
    ).toEqual([]);
  });

  test('only the folders that own sockets use the network', () => {
    const network =
      /from 'node:(?:dgram|tls|http|https|http2|dns|dns\/promises)'|\bfetch\(|import (?:type )?\{(?!\s*(?:isIP\w*[,\s]*)+\}).*\} from 'node:net'/;
    const owners = [
      'src/listener/',
      'src/upstream/',
      'src/reputation/',
      'src/outbound/',
      'src/lists/fetch-list.ts',
      'src/control/',
      'src/verbs/',
    ];
    const users = filesMatching('{src,scoring}/**/*.ts', network);
    expect(users.filter((path) => !owners.some((owner) => path.startsWith(owner)))).toEqual([]);
    // The pattern does find sockets: an empty list for the wrong reason would prove nothing.
    expect(users).toContain('src/listener/udp.ts');
  });
});

describe('mode decides in one place', () => {
  const DECIDES_BY_MODE = /\bmode\b\s*[!=]==?|[!=]==?\s*'(?:observe|enforce)'|switch\s*\([^)]*\bmode\b|\bmode\b\s*\?(?![.?:])/;

  test('only applyMode compares it on a query’s way', () => {
    expect(filesMatching('src/{pipeline,policy,session,quarantine,cache,listener,upstream}/**/*.ts', DECIDES_BY_MODE)).toEqual([
      'src/pipeline/apply-mode.ts',
    ]);
  });

  test('scoring does not know it', () => {
    expect(filesMatching('scoring/**/*.ts', /\bmode\b(?!l)|'observe'|'enforce'/)).toEqual([]);
  });
});

test('no error event is swallowed', () => {
  expect(filesMatching('src/**/*.ts', /\.on\(\s*'error',\s*\(\w*\)\s*=>\s*\{\s*\}\s*\)/)).toEqual([]);
});

test('no file is a default export, a barrel or a folder of leftovers', () => {
  const files = sourceFiles('{src,scoring}/**/*.ts').map(({ path }) => path);
  expect(files.filter((path) => /(?:^|\/)(?:utils?|helpers?|common|types|index)(?:\/|\.ts$)/.test(path))).toEqual([]);
});
