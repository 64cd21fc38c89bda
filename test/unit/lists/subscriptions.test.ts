/** Lists that come, go bad, come back, and are still there after a restart. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openListStore } from '../../../src/lists/list-store.ts';
import { temporaryFolder } from '../storage/temporary-folder.ts';
import { type Answering, type ListServer, startListServer } from './list-servers.ts';
import { fileList, HASHER, subscribe, urlList } from './subscribed-lists.ts';

const HOUR = 3_600;

async function serving(answer: Answering): Promise<ListServer> {
  const server = await startListServer(answer);
  onTestFinished(() => server.close());
  return server;
}

/** What the server says can be changed while it runs. */
function publisher(text: string): { text: string; status: number; etag: string | null; answer: Answering } {
  const said = {
    text,
    status: 200,
    etag: null as string | null,
    answer: ((request, response) => {
      if (said.etag !== null) response.setHeader('etag', said.etag);
      if (said.etag !== null && request.headers['if-none-match'] === said.etag) response.writeHead(304).end();
      else response.writeHead(said.status).end(said.text);
    }) satisfies Answering,
  };
  return said;
}

const names = (count: number): string => Array.from({ length: count }, (_, index) => `host${index}.example\n`).join('');

describe('a list from the network', () => {
  test('blocks nothing until it has come, says so, and then names list and line', async () => {
    const server = await serving(publisher('# ads\nads.example\n').answer);
    const { subscriptions, pass, blocks, changes } = await subscribe([urlList(server.url('/'))], { folder: temporaryFolder() });
    expect(blocks('ads.example')).toBeNull();
    expect(subscriptions.alarms()).toEqual(['the block list ads was never loaded: it blocks nothing yet']);
    await pass(0);
    expect(blocks('ads.example')).toBe('ads:2 **.ads.example');
    expect(changes()).toBe(1);
    expect(subscriptions.alarms()).toEqual([]);
    expect(subscriptions.status()).toMatchObject([{ name: 'ads', state: 'current', format: 'domains', entries: 1, error: null }]);
  });

  test('is asked for again after its interval only, with what it said, and unchanged changes nothing', async () => {
    const said = publisher('ads.example\n');
    said.etag = '"one"';
    const server = await serving(said.answer);
    const { subscriptions, pass, changes } = await subscribe([urlList(server.url('/'))], { folder: temporaryFolder() });
    await pass(0);
    await pass(HOUR / 2);
    expect(server.requests).toHaveLength(1);
    await pass(HOUR);
    expect(server.requests.map((request) => request.headers['if-none-match'])).toEqual([undefined, '"one"']);
    expect(changes()).toBe(1);
    const [status] = subscriptions.status();
    expect((status?.checkedAtMs ?? 0) - (status?.fetchedAtMs ?? 0)).toBe(1.5 * HOUR * 1_000);
  });

  test('that comes again as it was, from a server without validators, changes nothing', async () => {
    const server = await serving(publisher('ads.example\n').answer);
    const { subscriptions, pass, changes } = await subscribe([urlList(server.url('/'))], { folder: temporaryFolder() });
    await pass(0);
    await pass(2 * HOUR);
    expect(server.requests).toHaveLength(2);
    expect(changes()).toBe(1);
    const [status] = subscriptions.status();
    expect((status?.checkedAtMs ?? 0) - (status?.fetchedAtMs ?? 0)).toBe(2 * HOUR * 1_000);
  });

  test.each([404, 500])('status %i keeps what was there and is tried again ever later', async (status) => {
    const said = publisher('ads.example\n');
    const server = await serving(said.answer);
    const { subscriptions, pass, blocks } = await subscribe([urlList(server.url('/'))], { folder: temporaryFolder() });
    await pass(0);
    said.status = status;
    await pass(HOUR + 1);
    expect(subscriptions.status()).toMatchObject([{ state: 'failing', error: `HTTP ${status}`, failures: 1 }]);
    expect(blocks('ads.example')).not.toBeNull();
    await pass(30);
    await pass(30);
    await pass(30);
    expect(server.requests).toHaveLength(4);
    // A source that is down for a while is no alarm; one that stays away is.
    expect(subscriptions.alarms()).toEqual([]);
    await pass(3 * HOUR);
    expect(subscriptions.alarms()).toEqual([`the block list ads is not up to date: HTTP ${status}; its last good copy is in force`]);
    said.status = 200;
    await pass(HOUR);
    expect(subscriptions.alarms()).toEqual([]);
  });

  test.each([
    ['empty', '', 'it is empty'],
    ['nothing but comments', '# gone\n', 'it is empty'],
    ['a web page', '<!DOCTYPE html><html><body>ads.example</body></html>', 'web page'],
    ['a tenth of what it was', names(9), 'it went from 100 entries to 9'],
  ])('that is suddenly %s is not taken, and somebody is told', async (_what, text, why) => {
    const said = publisher(names(100));
    const server = await serving(said.answer);
    const { subscriptions, pass, blocks } = await subscribe([urlList(server.url('/'))], { folder: temporaryFolder() });
    await pass(0);
    said.text = text;
    await pass(2 * HOUR);
    expect(blocks('host99.example')).not.toBeNull();
    expect(subscriptions.alarms().join()).toContain(why);
  });

  test('that shrank is taken when the operator says so', async () => {
    const said = publisher(names(100));
    const server = await serving(said.answer);
    const folder = temporaryFolder();
    const { subscriptions, pass, blocks } = await subscribe([urlList(server.url('/'))], { folder });
    await pass(0);
    said.text = names(2);
    await subscriptions.update(['ads'], false);
    expect(blocks('host99.example')).not.toBeNull();
    await subscriptions.update(['ads'], true);
    expect(blocks('host99.example')).toBeNull();
    expect(blocks('host1.example')).not.toBeNull();
    // The copy before is not kept beside it.
    expect(readdirSync(folder)).toHaveLength(2);
  });

  test('that leads inside is an error and never asked', async () => {
    const server = await serving(publisher('ads.example\n').answer);
    const folder = temporaryFolder();
    const { subscriptions, pass } = await subscribe([urlList(server.url('/'))], { folder, fetching: { mayLeadInside: () => false } });
    await pass(0);
    expect(server.requests).toHaveLength(0);
    expect(subscriptions.alarms()).toEqual([
      'the block list ads was never loaded: it blocks nothing yet (the host of the list has a private address)',
    ]);
  });
});

describe('after a restart', () => {
  test('the last good copy is in force before anything is fetched, and is not fetched before its time', async () => {
    const said = publisher('ads.example\n');
    const server = await serving(said.answer);
    const folder = temporaryFolder();
    const list = urlList(server.url('/'));
    const first = await subscribe([list], { folder });
    await first.pass(0);
    await first.subscriptions.close();
    said.status = 500;
    const wallMs = Date.UTC(2026, 0, 6) + 60_000;
    const second = await subscribe([list], { folder, wallMs });
    expect(second.blocks('ads.example')).toBe('ads:1 **.ads.example');
    await second.pass(60);
    expect(server.requests).toHaveLength(1);
    await second.pass(HOUR);
    expect(second.subscriptions.status()).toMatchObject([{ state: 'failing' }]);
    expect(second.blocks('ads.example')).not.toBeNull();
  });

  test('copies whose time has come are spread, so that no fleet asks at once', async () => {
    const server = await serving(publisher('ads.example\n').answer);
    const folder = temporaryFolder();
    const lists = ['a', 'b', 'c', 'd'].map((name) => urlList(server.url(`/${name}`), { name }));
    const first = await subscribe(lists, { folder });
    await first.pass(0);
    await first.subscriptions.close();
    let drawn = 0;
    const wallMs = Date.UTC(2026, 0, 8);
    const second = await subscribe(lists, { folder, wallMs, random: () => (drawn++ % 4) / 4 });
    const asked: number[] = [];
    for (let at = 0; at < 120; at += 30) {
      await second.pass(at === 0 ? 0 : 30);
      asked.push(server.requests.length - 4);
    }
    expect(asked).toEqual([1, 2, 3, 4]);
  });

  test('a damaged copy is not used, is told, and fetched again', async () => {
    const server = await serving(publisher('ads.example\n').answer);
    const folder = temporaryFolder();
    const list = urlList(server.url('/'));
    const first = await subscribe([list], { folder });
    await first.pass(0);
    await first.subscriptions.close();
    const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.set')) ?? '');
    const octets = readFileSync(file);
    octets[octets.length >> 1] = (octets[octets.length >> 1] ?? 0) ^ 1;
    writeFileSync(file, octets);
    const second = await subscribe([list], { folder });
    expect(second.blocks('ads.example')).toBeNull();
    expect(second.subscriptions.alarms().join()).toContain('damaged');
    await second.pass(0);
    expect(second.blocks('ads.example')).not.toBeNull();
  });

  test.each(['', '{', '[]', '{"form":1}', 'null', '{"form":1,"identity":"x","digest":"../../etc/passwd"}'])(
    'facts that read %j are no copy',
    async (text) => {
      const server = await serving(publisher('ads.example\n').answer);
      const folder = temporaryFolder();
      const list = urlList(server.url('/'));
      const first = await subscribe([list], { folder });
      await first.pass(0);
      await first.subscriptions.close();
      writeFileSync(join(folder, readdirSync(folder).find((name) => name.endsWith('.json')) ?? ''), text);
      const second = await subscribe([list], { folder });
      expect(second.blocks('ads.example')).toBeNull();
      await second.pass(0);
      expect(second.blocks('ads.example')).not.toBeNull();
    },
  );

  test('the copy of another source or kind is not this list’s', async () => {
    const server = await serving(publisher('ads.example\n').answer);
    const folder = temporaryFolder();
    const first = await subscribe([urlList(server.url('/'))], { folder });
    await first.pass(0);
    await first.subscriptions.close();
    const store = openListStore(folder, HASHER);
    expect((await store.load(urlList(server.url('/')))).kind).toBe('copy');
    expect((await store.load(urlList(server.url('/other')))).kind).toBe('none');
    expect((await store.load(urlList(server.url('/'), { kind: 'allow' }))).kind).toBe('none');
  });
});

describe('the folder', () => {
  test('is readable by its owner alone, holds no text of the config, and nothing of lists that are gone', async () => {
    const server = await serving(publisher('ads.example\n').answer);
    const folder = join(temporaryFolder(), 'lists');
    const first = await subscribe([urlList(server.url('/secret-token'), { name: 'ads' }), urlList(server.url('/'), { name: 'old' })], {
      folder,
    });
    await first.pass(0);
    await first.subscriptions.close();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const files = readdirSync(folder);
    expect(files).toHaveLength(4);
    for (const file of files) {
      expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
      expect(file).toMatch(/^[0-9a-f]{32}(-[0-9a-f]{16}\.set|\.json)$/);
      expect(readFileSync(join(folder, file), 'latin1')).not.toContain('secret-token');
    }
    writeFileSync(join(folder, `${'0'.repeat(32)}.json.partial`), 'x');
    await subscribe([urlList(server.url('/secret-token'))], { folder });
    expect(readdirSync(folder)).toHaveLength(2);
  });

  test('that cannot be written keeps no list out, and is an alarm', async () => {
    const server = await serving(publisher('ads.example\n').answer);
    const folder = temporaryFolder();
    // A file where the folder should be: also root cannot write there.
    const blocked = join(folder, 'lists');
    writeFileSync(blocked, '');
    const { subscriptions, pass, blocks } = await subscribe([urlList(server.url('/'))], { folder: blocked });
    await pass(0);
    expect(blocks('ads.example')).not.toBeNull();
    expect(subscriptions.alarms().join()).toMatch(/could not be stored and is fetched again after a restart: E/);
    await pass(2 * HOUR);
    expect(subscriptions.alarms()).toHaveLength(1);
    rmSync(blocked);
    await pass(2 * HOUR);
    expect(subscriptions.alarms()).toEqual([]);
    expect(readdirSync(blocked)).toHaveLength(2);
  });

  test('has a bound over all lists', async () => {
    const server = await serving(publisher(names(100)).answer);
    const folder = temporaryFolder();
    const store = openListStore(folder, HASHER, 6_000);
    const lists = [urlList(server.url('/'), { name: 'one' }), urlList(server.url('/'), { name: 'two' })];
    const { subscriptions, pass } = await subscribe(lists, { folder, store });
    await pass(0);
    expect(subscriptions.status().map(({ entries }) => entries)).toEqual([100, 100]);
    expect(subscriptions.alarms().join()).toContain('all lists together take more than 6000 octets');
  });
});

describe('a list from a file', () => {
  test('is in force at once, and read again when the file has changed', async () => {
    const file = join(temporaryFolder(), 'ads.txt');
    writeFileSync(file, 'ads.example\n');
    const { pass, blocks, changes } = await subscribe([fileList(file)], { folder: temporaryFolder() });
    expect(blocks('ads.example')).toBe('ads:1 **.ads.example');
    expect(changes()).toBe(0);
    await pass(2 * HOUR);
    expect(changes()).toBe(0);
    writeFileSync(file, 'new.example\n');
    utimesSync(file, new Date(), new Date(Date.now() + 5_000));
    await pass(2 * HOUR);
    expect(blocks('ads.example')).toBeNull();
    expect(blocks('new.example')).not.toBeNull();
  });

  test('that is empty from the start is what the operator wants', async () => {
    const file = join(temporaryFolder(), 'ads.txt');
    writeFileSync(file, '');
    const { subscriptions } = await subscribe([fileList(file)], { folder: temporaryFolder() });
    expect(subscriptions.status()).toMatchObject([{ state: 'current', entries: 0 }]);
  });

  test.each([
    ['missing', () => undefined, 'ENOENT'],
    ['a folder', (file: string) => void mkdirSync(file), 'no file'],
    ['too large', (file: string) => writeFileSync(file, 'a'.repeat(2_000)), 'larger than 1000 octets'],
  ])('that is %s is an alarm', async (_what, make, why) => {
    const file = join(temporaryFolder(), 'ads.txt');
    make(file);
    const { subscriptions } = await subscribe([fileList(file, { maxOctets: 1_000 })], { folder: temporaryFolder() });
    expect(subscriptions.alarms().join()).toContain(why);
  });
});

test('what somebody has put into the folder of the copies stays there, a source of a list among it', async () => {
  const folder = temporaryFolder();
  const elsewhere = temporaryFolder();
  writeFileSync(join(elsewhere, 'letter.txt'), 'dear\n');
  mkdirSync(join(folder, 'old'));
  writeFileSync(join(folder, 'mine.txt'), 'ads.example\n');
  writeFileSync(join(folder, 'old', 'kept.txt'), 'old\n');
  symlinkSync(elsewhere, join(folder, 'link'));
  const { subscriptions, blocks } = await subscribe([fileList(join(folder, 'mine.txt'))], { folder });
  expect(blocks('ads.example')).not.toBeNull();
  subscriptions.reconfigure([]);
  await expect.poll(() => readdirSync(folder).sort()).toEqual(['link', 'mine.txt', 'old']);
  expect(readdirSync(elsewhere)).toEqual(['letter.txt']);
  // The folder itself may be a link as well.
  await openListStore(join(folder, 'link'), HASHER).keepOnly([]);
  expect([readdirSync(elsewhere), readdirSync(join(folder, 'old'))]).toEqual([['letter.txt'], ['kept.txt']]);
});

describe('another config', () => {
  test('keeps what is the same, drops what is gone, and loads what is new', async () => {
    const folder = temporaryFolder();
    const [one, two] = ['one', 'two'].map((name) => {
      const file = join(folder, name);
      writeFileSync(file, `${name}.example\n`);
      return fileList(file, { name });
    });
    if (one === undefined || two === undefined) expect.fail('there are two');
    const { subscriptions, pass, blocks, changes } = await subscribe([one], { folder: join(folder, 'lists') });
    subscriptions.reconfigure([{ ...one, refreshSeconds: 600 }, two]);
    expect(blocks('one.example')).not.toBeNull();
    await pass(0);
    expect(blocks('two.example')).toBe('two:1 **.two.example');
    expect(changes()).toBeGreaterThan(0);
    subscriptions.reconfigure([two]);
    expect(blocks('one.example')).toBeNull();
    expect(blocks('two.example')).not.toBeNull();
  });

  test('with another source goes on with the old copy until the new one has come', async () => {
    const said = publisher('old.example\n');
    const server = await serving(said.answer);
    const { subscriptions, pass, blocks } = await subscribe([urlList(server.url('/old'))], { folder: temporaryFolder() });
    await pass(0);
    said.text = 'new.example\n';
    said.status = 500;
    subscriptions.reconfigure([urlList(server.url('/new'))]);
    expect(blocks('old.example')).not.toBeNull();
    await pass(0);
    expect(blocks('old.example')).not.toBeNull();
    said.status = 200;
    await pass(HOUR);
    expect(blocks('old.example')).toBeNull();
    expect(blocks('new.example')).not.toBeNull();
  });

  test('that drops a list while it is fetched does not get it back', async () => {
    const held: (() => void)[] = [];
    const server = await serving((_request, response) => void held.push(() => response.end('ads.example\n')));
    const folder = temporaryFolder();
    const { subscriptions, pass, blocks, changes } = await subscribe([urlList(server.url('/'))], { folder });
    const passing = pass(0);
    await expect.poll(() => held.length).toBe(1);
    subscriptions.reconfigure([]);
    held[0]?.();
    await passing;
    expect(changes()).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
    expect(blocks('ads.example')).toBeNull();
    expect(subscriptions.status()).toEqual([]);
  });
});

test('two who ask for one list share one look, and closing ends it', async () => {
  const server = await serving(() => undefined);
  const { subscriptions } = await subscribe([urlList(server.url('/'))], { folder: temporaryFolder() });
  const one = subscriptions.refreshDue();
  const other = subscriptions.refreshDue();
  await expect.poll(() => server.requests.length).toBe(1);
  await subscriptions.close();
  await Promise.all([one, other]);
  expect(server.requests).toHaveLength(1);
});

test('no more than two lists are fetched and compiled at once', async () => {
  const held: (() => void)[] = [];
  const server = await serving((_request, response) => void held.push(() => response.end('ads.example\n')));
  const lists = Array.from({ length: 5 }, (_, index) => urlList(server.url('/'), { name: `list${index}` }));
  const { pass, subscriptions } = await subscribe(lists, { folder: temporaryFolder() });
  const passing = pass(0);
  for (let answered = 0; answered < lists.length; answered++) {
    await expect.poll(() => held.length).toBe(Math.min(answered + 2, lists.length));
    held[answered]?.();
  }
  await passing;
  expect(subscriptions.status().every(({ state }) => state === 'current')).toBe(true);
});
