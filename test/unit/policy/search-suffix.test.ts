import { describe, expect, test } from 'vitest';
import { RRTYPE } from '../../../src/wire/codes.ts';
import { toPresentation } from '../../../src/wire/name.ts';
import { compile } from './compiled-config.ts';

const CONFIG = `
searchSuffixes: [corp.example.net, berlin.corp.example.net, lan]
zones: { cluster.local: ["udp://10.96.0.10"], corp.example.net: ["udp://10.0.0.53"] }
policies:
  - name: all
    default: deny
    allow:
      - { section: s, owner: o, reason: r, names: ["**.corp.example.net", "**.dev.svc.cluster.local", "db.prod.dev.corp.example.net"] }
`;
const config = compile(CONFIG);

function bare(asked: string): string | null {
  const { underSearchSuffix } = config.route(asked, RRTYPE.A);
  return underSearchSuffix === null ? null : toPresentation(underSearchSuffix);
}

describe('names that a search list made are judged without it too', () => {
  test.each([
    ['an intranet suffix', 'secret.evil.com.corp.example.net', 'secret.evil.com'],
    ['the longest suffix', 'secret.evil.com.berlin.corp.example.net', 'secret.evil.com'],
    ['two labels are enough', 'evil.com.corp.example.net', 'evil.com'],
    ['a namespace of Kubernetes', 'secret.evil.com.team.svc.cluster.local', 'secret.evil.com'],
    ['two labels below a namespace', 'evil.com.team.svc.cluster.local', 'evil.com'],
    ['the services suffix', 'secret.evil.com.svc.cluster.local', 'secret.evil.com'],
    ['the cluster suffix', 'secret.evil.com.cluster.local', 'secret.evil.com'],
    ['names reserved for examples', 'secret.evil.example.corp.example.net', 'secret.evil.example'],
    ['the same suffix twice', 'secret.evil.com.corp.example.net.corp.example.net', 'secret.evil.com'],
    ['the same private suffix twice', 'secret.evil.com.lan.lan', 'secret.evil.com'],
    ['one suffix behind another', 'secret.evil.com.team.svc.cluster.local.corp.example.net', 'secret.evil.com'],
    ['a suffix before a namespace', 'secret.evil.com.lan.team.svc.cluster.local', 'secret.evil.com'],
    ['a name of the site behind the suffix', 'bad.corp.example.net.corp.example.net', 'bad.corp.example.net'],
    ['odd octets in the name', 'a\\000b.evil.com.corp.example.net', 'a\\000b.evil.com'],
  ])('%s: %s', (_what, asked, expected) => {
    expect(bare(asked)).toBe(expected);
  });
});

describe('names of the site are left alone', () => {
  test.each([
    ['a host', 'db.corp.example.net'],
    ['a host two levels down', 'db.backend.corp.example.net'],
    ['the suffix itself', 'corp.example.net'],
    ['a private suffix twice with nothing in front', 'db.lan.lan'],
    ['a service', 'web.team.svc.cluster.local'],
    ['a service in a namespace called like a top-level domain', 'web.app.svc.cluster.local'],
    ['a pod of a headless service', 'web-0.web.team.svc.cluster.local'],
    ['a pod by its address', '10-0-0-5.web.team.svc.cluster.local'],
    ['a service port', '_http._tcp.web.team.svc.cluster.local'],
    ['a name below no suffix', 'secret.evil.com'],
    ['the suffix in front', 'corp.example.net.evil.com'],
    ['a suffix without a label border', 'evil.com.xcorp.example.net'],
  ])('%s: %s', (_what, asked) => {
    expect(bare(asked)).toBeNull();
  });
});

describe('an allow entry that says more than the suffix', () => {
  test('vouches for its part of the site', () => {
    expect(bare('kafka-0.kafka.dev.svc.cluster.local')).toBeNull();
    expect(bare('db.prod.dev.corp.example.net')).toBeNull();
  });
  test('does not vouch when it only repeats the suffix', () => {
    expect(bare('db.prod.app.corp.example.net')).toBe('db.prod.app');
  });
});
