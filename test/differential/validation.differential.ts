/**
 * A validating client behind Kennel: everything it needs to believe an answer, or to disbelieve it, comes through.
 * The server behind Kennel does not validate, so that nobody but the client can find the falsified record.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Kennel } from '../lab/kennel-process.ts';
import { type LoopbackServer, startNsd, startUnbound } from '../lab/loopback-servers.ts';
import { run } from '../lab/processes.ts';
import { toolPath } from '../lab/required-tools.ts';
import { type LocalZones, prepareZones } from '../lab/signed-zones.ts';
import { askAll } from './ask-all.ts';
import { startKennelBefore } from './kennel-before.ts';
import { CLIENTS, type Question } from './questions.ts';

const SECURE: readonly (readonly [what: string, name: string, type: string])[] = [
  ['an address', 'www.signed.example', 'A'],
  ['a service', '_sip._tcp.signed.example', 'SRV'],
  ['the keys of a zone', 'signed.example', 'DNSKEY'],
  ['the DS of a zone', 'signed.example', 'DS'],
  ['an alias', 'alias.signed.example', 'A'],
  ['two aliases', 'alias-twice.signed.example', 'AAAA'],
  ['an alias into another zone', 'alias-nsec3.signed.example', 'A'],
  ['a name below a DNAME', 'a.old.signed.example', 'A'],
  ['a name from a wildcard', 'anything.wild.signed.example', 'A'],
  ['a name from a wildcard, NSEC3', 'anything.wild.nsec3.example', 'A'],
  ['a type that nobody knows', 'www.signed.example', 'TYPE65280'],
  ['a text of 2,500 octets', 'txt-large.signed.example', 'TXT'],
  ['an alias to a text of 2,500 octets', 'alias-large.signed.example', 'TXT'],
];

const ABSENT: readonly (readonly [what: string, name: string, type: string])[] = [
  ['a name, by NSEC', 'nothing.signed.example', 'A'],
  ['a type, by NSEC', 'www.signed.example', 'MX'],
  ['a type at an empty non-terminal', 'empty.signed.example', 'A'],
  ['a type at a wildcard', 'anything.wild.signed.example', 'MX'],
  ['a type that nobody knows, by NSEC', '_sip._tcp.signed.example', 'TYPE65280'],
  ['a name, by NSEC3', 'nothing.nsec3.example', 'A'],
  ['a type at an empty non-terminal, by NSEC3', 'empty.nsec3.example', 'A'],
  ['a type, by NSEC3', 'www.nsec3.example', 'MX'],
];

let zones: LocalZones;
let nsd: LoopbackServer;
let unbound: LoopbackServer;
beforeAll(async () => {
  zones = await prepareZones([]);
  nsd = await startNsd(zones.all);
  unbound = await startUnbound({ zones: zones.all, authority: nsd });
});
afterAll(async () => {
  await unbound?.stop();
  await nsd?.stop();
  zones?.remove();
});

describe.each(['NSD', 'Unbound'])('a validating client behind Kennel in front of %s', (server) => {
  let kennel: Kennel;
  beforeAll(async () => {
    kennel = await startKennelBefore(server === 'NSD' ? nsd : unbound, { mode: 'enforce', allowlisted: true });
  });
  afterAll(() => kennel?.remove());

  const delv = async (name: string, type: string): Promise<string> => {
    const at = [`@${kennel.address}`, '-p', String(kennel.port)];
    const argv = [toolPath('delv'), ...at, '-a', zones.bindAnchorFile, '+root=example', name, type];
    const { stdout, stderr } = await run(argv);
    return stdout + stderr;
  };
  const drillChase = async (name: string): Promise<string> => {
    const at = [`@${kennel.address}`, '-p', String(kennel.port)];
    const { stdout, stderr } = await run([toolPath('drill'), '-t', '-S', '-k', zones.trustAnchorFile, ...at, name, 'A']);
    return stdout + stderr;
  };

  test.each(SECURE)('believes %s (%s %s)', async (_what, name, type) => {
    const output = await delv(name, type);
    expect(output).toContain('; fully validated');
    expect(output).not.toMatch(/unsigned answer|resolution failed/);
  });

  test.each(ABSENT)('believes that there is not %s (%s %s)', async (_what, name, type) => {
    expect(await delv(name, type)).toContain('; negative response, fully validated');
  });

  test('takes a name below a delegation without DS as unsigned, not as false', async () => {
    expect(await delv('www.unsigned.signed.example', 'A')).toContain('; unsigned answer');
  });

  test.each(['bogus.signed.example', 'alias-bogus.signed.example'])('finds that %s was falsified', async (name) => {
    const output = await delv(name, 'A');
    expect(output).toContain(';; resolution failed: RRSIG failed to verify');
    expect(output).not.toContain('203.0.113.66');
  });

  test('follows the chain of trust by itself (drill), and sees it broken', async () => {
    expect(await drillChase('www.signed.example')).toContain(';; Chase successful');
    expect(await drillChase('bogus.signed.example')).toMatch(/Bogus DNSSEC signature.*;; Chase failed/s);
  });
});

describe('a client of Kennel in front of a validating Unbound', () => {
  let validating: LoopbackServer;
  let kennel: Kennel;
  beforeAll(async () => {
    validating = await startUnbound({ zones: zones.all, authority: nsd, trustAnchorFile: zones.trustAnchorFile });
    kennel = await startKennelBefore(validating, { mode: 'enforce', allowlisted: true });
  });
  afterAll(async () => {
    await kennel?.remove();
    await validating?.stop();
  });

  test('does not get falsified data with CD either, where it would get them of Unbound', async () => {
    const questions: Question[] = CLIENTS.map((client) => ({ name: 'bogus.signed.example', type: 'A', client }));
    const withCd = questions.filter(({ client }) => client.checkingDisabled);
    expect(withCd.length).toBeGreaterThan(0);
    expect((await askAll(validating, 'UDP', withCd)).map(({ rcode }) => rcode)).toEqual(withCd.map(() => 0));
    const answers = await askAll(kennel, 'UDP', questions);
    expect(answers.map(({ rcode, answer }) => ({ rcode, records: answer.length }))).toEqual(
      questions.map(() => ({ rcode: 2, records: 0 })),
    );
  });
});
