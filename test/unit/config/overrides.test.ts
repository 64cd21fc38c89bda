import { describe, expect, test } from 'vitest';
import { applyOverrides, type Overrides } from '../../../src/config/overrides.ts';
import { configErrorText } from '../../../src/config/problems.ts';
import { accepted } from './read-config.ts';

const CONFIG = accepted('mode: observe\npolicies: [{ name: strict, match: { cidr: ["10.0.0.0/8"] }, mode: enforce }, { name: rest }]');

function overridden(overrides: Overrides) {
  const result = applyOverrides(CONFIG, overrides);
  return result.ok ? result.config : expect.fail(result.errors.map(configErrorText).join('\n'));
}

describe('the command line', () => {
  test('changes nothing when it says nothing', () => {
    expect(overridden({ listen: [], upstreams: [] })).toEqual(CONFIG);
  });
  test('replaces listeners, upstreams and state', () => {
    const config = overridden({ listen: ['127.0.0.2:53', '[::1]:5353'], upstreams: ['tcp://192.0.2.1'], state: '/tmp/state' });
    expect(config.listen.dns).toEqual([
      { address: '127.0.0.2', port: 53 },
      { address: '::1', port: 5353 },
    ]);
    expect(config.listen.control).toEqual(CONFIG.listen.control);
    expect(config.upstreams.map((upstream) => upstream.text)).toEqual(['tcp://192.0.2.1:53']);
    expect(config.state).toBe('/tmp/state');
  });
  test('makes every policy enforce', () => {
    const config = overridden({ mode: 'enforce' });
    expect([config.mode, ...config.policies.map((policy) => policy.mode)]).toEqual(['enforce', 'enforce', 'enforce']);
  });
  test('does not soften a policy that enforces by its own choice', () => {
    const config = overridden({ mode: 'observe' });
    expect([config.mode, ...config.policies.map((policy) => policy.mode)]).toEqual(['observe', 'enforce', 'observe']);
  });
  test('is told every error with its option', () => {
    const result = applyOverrides(CONFIG, { listen: ['localhost:53'], upstreams: ['9.9.9.9', 'quic://9.9.9.9'], state: 'state' });
    expect(result.ok ? [] : result.errors.map(configErrorText)).toEqual([
      expect.stringContaining('command line --listen: "localhost:53" is not IP:PORT'),
      expect.stringContaining('command line --upstream: upstream "9.9.9.9" has no scheme'),
      expect.stringContaining('has the unknown scheme quic://'),
      expect.stringContaining('command line --state: "state" must be an absolute path'),
    ]);
  });
  test.each([
    ['an upstream that is a listener', { upstreams: ['udp://127.0.0.1:5300'] }],
    ['a listener that is an upstream', { listen: ['9.9.9.9:53'] }],
  ])('%s is a loop', (_what, overrides) => {
    const result = applyOverrides(CONFIG, overrides);
    expect(result.ok ? [] : result.errors.map(configErrorText)).toEqual([expect.stringContaining("is Kennel's own listener")]);
  });
});
