/** The `lists` of a config file and the policies that name them. */
import { expect, test } from 'vitest';
import { accepted, refused, warnings } from './read-config.ts';

test('a list has a kind, a source, a format and an interval', () => {
  const { lists } = accepted(`mode: observe
lists:
  - { name: ads, url: "https://lists.example/ads.txt", refresh: 12h, maxMegabytes: 8 }
  - { name: ours, kind: allow, file: lists/ours.txt, format: domains }
`);
  expect(lists).toEqual([
    {
      name: 'ads',
      kind: 'block',
      source: { kind: 'url', url: 'https://lists.example/ads.txt' },
      format: 'auto',
      refreshSeconds: 43_200,
      maxOctets: 8 * 1024 * 1024,
    },
    {
      name: 'ours',
      kind: 'allow',
      source: { kind: 'file', path: expect.stringMatching(/\/lists\/ours\.txt$/) },
      format: 'domains',
      refreshSeconds: 86_400,
      maxOctets: 64 * 1024 * 1024,
    },
  ]);
});

test.each([
  ['{ name: a, url: "ftp://lists.example/" }', 'lists[0].url: must be an http:// or https:// URL without user and password'],
  ['{ name: a, url: "https://user:word@lists.example/" }', 'lists[0].url: must be'],
  ['{ name: a, url: "https://lists.example/", file: a.txt }', 'lists[0]: a list has either a url or a file'],
  ['{ name: a }', 'lists[0]: a list has either a url or a file'],
  ['{ name: a, file: a.txt, refresh: 1m }', 'lists[0].refresh: a list is fetched every 10m at most'],
  ['{ name: "../a", file: a.txt }', 'lists[0].name'],
])('%s is refused', (list, message) => {
  expect(refused(`mode: observe\nlists:\n  - ${list}\n`).join('\n')).toContain(message);
});

test('a policy that names no list there is, is told where', () => {
  const errors = refused(`mode: observe
lists:
  - { name: ads, file: ads.txt }
policies:
  - { name: all, match: {}, lists: [ads, adds] }
`);
  expect(errors).toEqual([expect.stringContaining('policies[0].lists[1]: no list is called "adds"')]);
});

test('a list that anybody on the way can change is worth a warning', () => {
  const warned = (list: string): string[] => warnings(`mode: observe\nlists:\n  - ${list}\n`);
  expect(warned('{ name: a, kind: allow, url: "http://lists.example/a" }').join()).toContain(
    'whoever is on the way can change what it allows',
  );
  expect(warned('{ name: a, url: "http://lists.example/a" }').join()).toContain('can change what it blocks');
  expect(warned('{ name: a, url: "https://lists.example/a" }').join()).not.toContain('on the way');
  expect(warned('{ name: a, url: "http://10.0.0.5/a" }').join()).not.toContain('on the way');
});

test('a password or key in a URL that is refused is not told, because errors are logged', () => {
  for (const url of ['https://user:s3cret@lists.example/', 'https://s3cret@lists.example/', 'ftp://lists.example/?key=s3cret']) {
    expect(refused(`mode: observe\nlists:\n  - { name: a, url: "${url}" }\n`).join('\n')).not.toContain('s3cret');
  }
});
