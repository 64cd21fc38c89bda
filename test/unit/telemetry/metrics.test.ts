import { describe, expect, test } from 'vitest';
import { type MetricSources, Metrics } from '../../../src/telemetry/metrics.ts';

function metricsWith(sources?: Partial<MetricSources>): { metrics: Metrics; errors: unknown[] } {
  const errors: unknown[] = [];
  const metrics = new Metrics({ version: '1.2.3', onInternalError: (cause) => errors.push(cause) });
  metrics.readFrom({
    cacheEntries: () => 0,
    cacheOctets: () => 0,
    sessions: () => ({}),
    logDropped: () => 0,
    pendingQueries: () => 0,
    alarms: () => 0,
    ...sources,
  });
  return { metrics, errors };
}

async function samples(metrics: Metrics): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('Metrics', () => {
  test('has exactly the names of the contract and its documented extensions', async () => {
    const names = (await metricsWith().metrics.text())
      .split('\n')
      .filter((line) => line.startsWith('# TYPE '))
      .map((line) => line.split(' ')[2]);
    expect(names.toSorted()).toEqual([
      'kennel_alarms',
      'kennel_build_info',
      'kennel_cache_entries',
      'kennel_cache_hits_total',
      'kennel_cache_misses_total',
      'kennel_cache_octets',
      'kennel_cache_prefetches_total',
      'kennel_cache_stale_answers_total',
      'kennel_clients_refused_total',
      'kennel_config_last_reload_success_timestamp_seconds',
      'kennel_config_last_reload_successful',
      'kennel_config_reloads_total',
      'kennel_decisions_total',
      'kennel_dns_request_duration_seconds',
      'kennel_dns_requests_total',
      'kennel_dns_responses_total',
      'kennel_internal_errors_total',
      'kennel_leak_bits_total',
      'kennel_list_entries',
      'kennel_list_failures_total',
      'kennel_list_last_success_timestamp_seconds',
      'kennel_listener_events_total',
      'kennel_log_dropped_total',
      'kennel_overloaded_total',
      'kennel_parse_errors_total',
      'kennel_pending_queries',
      'kennel_rate_limited_total',
      'kennel_refreshes_total',
      'kennel_score',
      'kennel_server_cookies_total',
      'kennel_sessions',
      'kennel_upstream_failures_total',
      'kennel_upstream_request_duration_seconds',
    ]);
  });

  test('counts queries by transport, family and type, and gathers unknown types', async () => {
    const { metrics } = metricsWith();
    metrics.queryReceived('udp', 'ipv4', 1);
    metrics.queryReceived('udp', 'ipv4', 1);
    metrics.queryReceived('tcp', 'ipv6', 28);
    for (let type = 3_000; type < 4_000; type += 1) metrics.queryReceived('udp', 'ipv4', type);
    const lines = (await samples(metrics)).filter((line) => line.startsWith('kennel_dns_requests_total'));
    expect(lines).toEqual([
      'kennel_dns_requests_total{proto="udp",family="1",type="A"} 2',
      'kennel_dns_requests_total{proto="udp",family="1",type="other"} 1000',
      'kennel_dns_requests_total{proto="tcp",family="2",type="AAAA"} 1',
    ]);
  });

  test('counts answers, decisions, leaked bits and cache use', async () => {
    const { metrics } = metricsWith();
    metrics.responseSent(3, 'refused', 2);
    metrics.responseSent(24, 'forwarded', 30);
    metrics.decided('refuse', 'score', 'everyone', 'enforce', 72);
    metrics.leaked('everyone', 12.5);
    metrics.leaked('everyone', 1.5);
    metrics.cacheHit();
    metrics.cacheMiss();
    expect(await samples(metrics)).toEqual(
      expect.arrayContaining([
        'kennel_dns_responses_total{rcode="NXDOMAIN",action="refused"} 1',
        'kennel_dns_responses_total{rcode="other",action="forwarded"} 1',
        'kennel_decisions_total{action="refuse",reason="score",policy="everyone",mode="enforce"} 1',
        'kennel_leak_bits_total{policy="everyone"} 14',
        'kennel_cache_hits_total 1',
        'kennel_cache_misses_total 1',
        'kennel_dns_request_duration_seconds_bucket{le="0.001"} 0',
        'kennel_dns_request_duration_seconds_bucket{le="0.0025"} 1',
        'kennel_dns_request_duration_seconds_count 2',
        'kennel_score_bucket{le="70"} 0',
        'kennel_score_bucket{le="80"} 1',
      ]),
    );
  });

  test('shows how the last reload ended, and since when the config in use counts', async () => {
    const { metrics } = metricsWith();
    metrics.configLoaded(1_000_000);
    metrics.configReloaded(2_000_000);
    metrics.configReloaded(null);
    const lines = (await samples(metrics)).filter((line) => line.startsWith('kennel_config_'));
    expect(lines.toSorted()).toEqual([
      'kennel_config_last_reload_success_timestamp_seconds 2000',
      'kennel_config_last_reload_successful 0',
      'kennel_config_reloads_total{result="failed"} 1',
      'kennel_config_reloads_total{result="reloaded"} 1',
    ]);
  });

  test('a second scrape says the same as the first', async () => {
    const { metrics } = metricsWith();
    metrics.cacheHit();
    metrics.queryReceived('udp', 'ipv4', 1);
    const first = await metrics.text();
    expect(await metrics.text()).toBe(first);
  });

  test('reads gauges at the scrape and forgets states that are gone', async () => {
    let states: Record<string, number> = { normal: 3, quarantined: 1 };
    const { metrics } = metricsWith({
      sessions: () => states,
      cacheEntries: () => 42,
      cacheOctets: () => 12_345,
      logDropped: () => 7,
      pendingQueries: () => 5,
      alarms: () => 2,
    });
    expect(await samples(metrics)).toEqual(
      expect.arrayContaining([
        'kennel_sessions{state="normal"} 3',
        'kennel_sessions{state="quarantined"} 1',
        'kennel_cache_entries 42',
        'kennel_cache_octets 12345',
        'kennel_log_dropped_total 7',
        'kennel_pending_queries 5',
        'kennel_alarms 2',
      ]),
    );
    states = { normal: 2 };
    const sessions = (await samples(metrics)).filter((line) => line.startsWith('kennel_sessions'));
    expect(sessions).toEqual(['kennel_sessions{state="normal"} 2']);
  });

  test('shows upstreams and the config in use', async () => {
    const { metrics } = metricsWith();
    metrics.upstreamAnswered('udp://192.0.2.53:53', 4);
    metrics.upstreamFailed('udp://192.0.2.53:53', 'timeout');
    metrics.configLoaded(1_700_000_000_500);
    expect(await samples(metrics)).toEqual(
      expect.arrayContaining([
        'kennel_upstream_request_duration_seconds_bucket{le="0.005",upstream="udp://192.0.2.53:53"} 1',
        'kennel_upstream_failures_total{upstream="udp://192.0.2.53:53",kind="timeout"} 1',
        'kennel_config_last_reload_success_timestamp_seconds 1700000000.5',
        `kennel_build_info{version="1.2.3",node="${process.version}"} 1`,
      ]),
    );
  });

  test('a client refused by a TCP listener counts like one refused by the pipeline', async () => {
    const { metrics } = metricsWith();
    metrics.clientRefused();
    metrics.listenerEvent('client-refused', 'tcp');
    metrics.listenerEvent('connection-expired', 'tcp');
    const lines = await samples(metrics);
    expect(lines).toContain('kennel_clients_refused_total 2');
    expect(lines).toContain('kennel_listener_events_total{kind="connection-expired",proto="tcp"} 1');
  });

  test('a bug is counted and handed on for the log', async () => {
    const { metrics, errors } = metricsWith();
    const bug = new Error('bug');
    metrics.internalError(bug);
    expect(errors).toEqual([bug]);
    expect(await samples(metrics)).toContain('kennel_internal_errors_total 1');
  });

  test('malformed packets cannot make labels without end', async () => {
    const { metrics } = metricsWith();
    for (let i = 0; i < 500; i += 1) metrics.malformed(`reason ${i}`);
    const lines = (await samples(metrics)).filter((line) => line.startsWith('kennel_parse_errors_total'));
    expect(lines.length).toBe(65);
  });
});
