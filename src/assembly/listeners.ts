/**
 * The listeners of a config: UDP and TCP on one port each. Which ones are opened and closed at a reload is `listener-set.ts`.
 */
import type { Logger } from 'pino';
import type { Config, Endpoint } from '../config/config.ts';
import type { ListenError } from '../listener/listen-error.ts';
import type { AnswerQuery, Listener, OnListenerEvent } from '../listener/listener.ts';
import { DEFAULT_TCP_LIMITS, openTcpListener, type TcpLimits } from '../listener/tcp.ts';
import { openUdpListener } from '../listener/udp.ts';
import { type AddressSet, addressSet } from '../policy/address-set.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface ListenerParts {
  readonly answer: AnswerQuery;
  /** Whether `clients.allow` holds the address. */
  readonly admit: (address: string) => boolean;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Opens UDP and TCP on one endpoint; a bind that fails is a value. `config`: the one in use, at any time. */
export async function openListeners(
  { address, port }: Endpoint,
  config: () => Config,
  { answer, admit, metrics, log }: ListenerParts,
): Promise<readonly (Listener | ListenError)[]> {
  const onEvent: OnListenerEvent = (event) => {
    metrics.listenerEvent(event.kind, event.protocol);
    if (event.kind === 'answer-failed' || event.kind === 'socket-failed')
      log.error({ listener: event.listener, detail: event.detail }, event.kind);
  };
  const isProxy = proxiesOf(config);
  return openBoth(
    port,
    (chosen) =>
      openUdpListener({
        address,
        port: chosen,
        answer,
        onEvent,
        get maxPending() {
          return PENDING_PER_LOOK_UP * config().limits.pendingQueries;
        },
      }),
    (chosen) => openTcpListener({ address, port: chosen, answer, onEvent, admit, isProxy, limits: tcpLimits(config) }),
  );
}

/** Whether a peer is in `proxyProtocol.from` of the config in use. */
function proxiesOf(config: () => Config): (address: string) => boolean {
  let compiled: { readonly from: readonly string[]; readonly set: AddressSet } | null = null;
  return (address) => {
    const { from } = config().proxyProtocol;
    if (compiled?.from !== from) compiled = { from, set: addressSet(from) };
    return compiled.set.contains(address);
  };
}

/** Above what the pipeline refuses with a reason (twice as many); what exceeds this as well is dropped unread. */
const PENDING_PER_LOOK_UP = 3;

type Open = (port: number) => Promise<Listener | ListenError>;

/** The system's free UDP port may be taken on TCP: then it is asked for another, a few times. */
const FREE_PORT_TRIES = 10;

/** UDP and TCP on one port. Port 0 (the demo, tests) means any that is free for both. */
async function openBoth(port: number, openUdp: Open, openTcp: Open): Promise<readonly [Listener | ListenError, Listener | ListenError]> {
  for (let tries = 1; ; tries++) {
    const udp = await openUdp(port);
    const tcp = await openTcp(udp.kind === 'listener' ? udp.port : port);
    if (port !== 0 || tcp.kind === 'listener' || udp.kind !== 'listener' || tries === FREE_PORT_TRIES) return [udp, tcp];
    await udp.close(0);
  }
}

/** Read from the config in use whenever they are needed, so that a listener that stays open takes on new ones. */
function tcpLimits(config: () => Config): TcpLimits {
  const tcp = (): Config['limits']['tcp'] => config().limits.tcp;
  return {
    ...DEFAULT_TCP_LIMITS,
    get maxConnections() {
      return tcp().maxConnections;
    },
    get maxConnectionsPerClient() {
      return tcp().maxConnectionsPerClient;
    },
    get maxOutstanding() {
      return tcp().maxOutstanding;
    },
    get idleMs() {
      return tcp().idleSeconds * 1000;
    },
  };
}
