/**
 * A client for loads of many minutes: keeps a fixed number of queries in flight, so that it goes as fast as it is answered and no faster,
 * and counts what came back. Retries nothing and keeps nothing of an answer but its code.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { labelsOfText, queryMessage } from '../lab/messages.ts';

/** As long as a stub waits (glibc: 5 s). */
const PATIENCE_MS = 5_000;
const SWEEP_MS = 250;
const IDS = 65_536;

export interface Outcomes {
  /** NOERROR and NXDOMAIN. */
  answered: number;
  servfail: number;
  /** Any other code. */
  refused: number;
  /** No answer in time. */
  silent: number;
}

interface InFlight {
  readonly untilMs: number;
  readonly finish: (rcode: number | null) => void;
}

export class WindowClient {
  readonly outcomes: Outcomes = { answered: 0, servfail: 0, refused: 0, silent: 0 };
  readonly #socket: Socket;
  readonly #port: number;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #sweep: NodeJS.Timeout;
  #id = 0;

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    // What is not answered while the server restarts is counted as silence.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNREFUSED') throw error;
    });
    socket.on('message', (answer) => {
      if (answer.length >= 12) this.#inFlight.get(answer.readUInt16BE(0))?.finish(answer.readUInt8(3) & 15);
    });
    this.#sweep = setInterval(() => {
      const nowMs = performance.now();
      for (const { untilMs, finish } of this.#inFlight.values()) if (untilMs <= nowMs) finish(null);
    }, SWEEP_MS);
  }

  /** A client at `from` of the server on this port of 127.0.0.1. */
  static async open(port: number, from: string): Promise<WindowClient> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4_000_000 });
    socket.bind(0, from);
    await once(socket, 'listening');
    return new WindowClient(socket, port);
  }

  /** Asks for the addresses of one name; resolves with its RCODE, or null when no answer came. */
  ask(name: string): Promise<number | null> {
    do this.#id = (this.#id + 1) % IDS;
    while (this.#inFlight.has(this.#id));
    const id = this.#id;
    return new Promise((resolve) => {
      const finish = (rcode: number | null): void => {
        this.#inFlight.delete(id);
        this.outcomes[outcomeOf(rcode)] += 1;
        resolve(rcode);
      };
      this.#inFlight.set(id, { untilMs: performance.now() + PATIENCE_MS, finish });
      this.#socket.send(queryMessage({ id, labels: labelsOfText(name), qtype: 1 }), this.#port, '127.0.0.1');
    });
  }

  /** Asks for names until there is none, so many at a time. */
  async askAll(next: () => string | null, width: number): Promise<void> {
    const one = async (): Promise<void> => {
      for (let name = next(); name !== null; name = next()) await this.ask(name);
    };
    await Promise.all(Array.from({ length: width }, one));
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#socket.close();
  }
}

function outcomeOf(rcode: number | null): keyof Outcomes {
  if (rcode === null) return 'silent';
  if (rcode === 0 || rcode === 3) return 'answered';
  return rcode === 2 ? 'servfail' : 'refused';
}
