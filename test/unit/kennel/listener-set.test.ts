import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { ListenerSet } from '../../../src/assembly/listener-set.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { freePort } from '../../lab/free-port.ts';
import { openTcpAsker } from '../../lab/tcp-asker.ts';
import { openUdpAsker } from '../../lab/udp-asker.ts';
import { accepted } from '../config/read-config.ts';

const CONFIG = accepted('mode: observe\n');

interface Opened {
  readonly set: ListenerSet;
  /** Packets that were taken, in all. */
  readonly taken: () => number;
}

/** Listeners that send back what they get. */
function echoes(): Opened {
  let taken = 0;
  const set = new ListenerSet(
    {
      answer: (packet) => {
        taken += 1;
        return packet;
      },
      admit: () => true,
      metrics: new Metrics({
        version: '0',
        onInternalError: (cause) => {
          throw cause;
        },
      }),
      log: pino({ level: 'silent' }),
    },
    () => CONFIG,
  );
  onTestFinished(() => set.close(0));
  return { set, taken: () => taken };
}

async function prepared(set: ListenerSet, ports: readonly number[]) {
  const result = await set.prepare(ports.map((port) => ({ address: '127.0.0.1', port })));
  return result.kind === 'prepared' ? result : expect.fail(result.messages.join('\n'));
}

/** The least that UDP and TCP askers tell apart. */
const PACKET = Buffer.from([0, 7, 1, 2, 3]);

test('what arrives before the config is in force waits, and is answered under it', async () => {
  const port = await freePort();
  const { set, taken } = echoes();
  const listeners = await prepared(set, [port]);
  const udp = await openUdpAsker({ address: '127.0.0.1', port });
  const tcp = await openTcpAsker({ address: '127.0.0.1', port });
  onTestFinished(async () => {
    tcp.close();
    await udp.close();
  });
  const answers = Promise.all([udp.ask(PACKET), tcp.ask(PACKET)]);
  expect(await Promise.race([answers, udp.ask(Buffer.from([0, 8]), 100)])).toBeNull();
  expect(taken()).toBe(0);
  expect(set.bound).toEqual([]);
  listeners.commit();
  expect(await answers).toEqual([PACKET, PACKET]);
  expect(set.bound).toEqual([{ address: '127.0.0.1', port }]);
});

test('what arrived for a config that is not used after all gets no answer, and the port is free again', async () => {
  const port = await freePort();
  const { set, taken } = echoes();
  const listeners = await prepared(set, [port]);
  const tcp = await openTcpAsker({ address: '127.0.0.1', port });
  const answer = tcp.ask(PACKET);
  await listeners.abandon();
  expect(await answer).toBeNull();
  expect(taken()).toBe(0);
  const again = await prepared(set, [port]);
  again.commit();
  expect(set.bound).toEqual([{ address: '127.0.0.1', port }]);
});

test('a listener that both configs name is the same socket; one that comes back at once can bind again', async () => {
  const [stays, goes] = [await freePort(), await freePort()];
  const { set } = echoes();
  (await prepared(set, [stays, goes])).commit();
  const tcp = await openTcpAsker({ address: '127.0.0.1', port: stays });
  for (let round = 0; round < 10; round++) {
    (await prepared(set, [stays])).commit();
    (await prepared(set, [goes, stays])).commit();
    expect(await tcp.ask(PACKET)).toEqual(PACKET);
  }
  expect(set.bound.map(({ port }) => port)).toEqual([goes, stays]);
  tcp.close();
});
