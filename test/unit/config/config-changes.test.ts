import { expect, test } from 'vitest';
import { changedKeys, keysForRestart } from '../../../src/config/config-changes.ts';
import { accepted } from './read-config.ts';

const BEFORE = accepted('mode: observe\nlisten: { dns: ["127.0.0.1:53"], control: "127.0.0.1:8053" }\n');

test.each([
  ['mode: observe\n# another file that means the same\nlisten: { control: "127.0.0.1:8053", dns: ["127.0.0.1:53"] }\n', [], []],
  ['mode: enforce\nlisten: { dns: ["127.0.0.1:53"], control: "127.0.0.1:8053" }\n', ['mode', 'policies'], []],
  ['mode: observe\nlisten: { dns: ["127.0.0.1:54"], control: "127.0.0.1:8053" }\n', ['listen.dns'], []],
  ['mode: observe\nlisten: { dns: ["127.0.0.1:53"], control: "127.0.0.1:8054" }\n', ['listen.control'], ['listen.control']],
  ['mode: observe\nlisten: { dns: ["127.0.0.1:53"], control: "127.0.0.1:8053" }\nstate: /elsewhere\n', ['state'], ['state']],
  [
    'mode: observe\nlisten: { dns: ["127.0.0.1:53"], control: "127.0.0.1:8053" }\ncache: { maxEntries: 5000 }\nlimits: off\n',
    ['limits.queriesPerSecond', 'cache.maxEntries'],
    [],
  ],
  [
    'mode: observe\nlisten: { dns: ["127.0.0.1:53"], control: "127.0.0.1:8053" }\nsessions: { prefixLengths: { ipv6: 64 } }\n',
    ['sessions.prefixLengths'],
    ['sessions.prefixLengths'],
  ],
])('%s', (text, changed, restart) => {
  const now = accepted(text);
  expect(changedKeys(BEFORE, now)).toEqual(changed);
  expect(keysForRestart(BEFORE, now)).toEqual(restart);
});
