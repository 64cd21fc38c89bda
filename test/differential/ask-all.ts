/** Puts many questions to one server and gives each its answer, read; over UDP with a bound on those in flight, over TCP pipelined. */
import { type ReadMessage, readMessage } from '../lab/message-reader.ts';
import { askPipelined } from '../lab/tcp-pipeline.ts';
import { inParallel, openUdpAsker } from '../lab/udp-asker.ts';
import { messageFor, type Question } from './questions.ts';

export type Transport = 'UDP' | 'TCP';

const UDP_IN_FLIGHT = 32;
const PER_CONNECTION = 64;
/** Above Kennel's own patience with its upstreams. */
const PATIENCE_MS = 8_000;

export async function askAll(
  server: { readonly address: string; readonly port: number },
  transport: Transport,
  questions: readonly Question[],
): Promise<ReadMessage[]> {
  const messages = questions.map((question, id) => messageFor(question, id));
  const packets = await (transport === 'UDP' ? overUdp(server, messages) : overTcp(server, messages));
  return packets.map(readMessage);
}

async function overUdp(server: { address: string; port: number }, messages: readonly Buffer[]): Promise<Buffer[]> {
  const asker = await openUdpAsker(server);
  const answers: Buffer[] = [];
  await inParallel(messages, UDP_IN_FLIGHT, async (message, index) => {
    const answer = await asker.ask(message, PATIENCE_MS);
    if (answer === null) throw new Error(`no answer over UDP from port ${server.port} to ${message.toString('hex')}`);
    answers[index] = answer;
  });
  await asker.close();
  return answers;
}

async function overTcp(server: { address: string; port: number }, messages: readonly Buffer[]): Promise<Buffer[]> {
  const answers: Buffer[] = [];
  for (let start = 0; start < messages.length; start += PER_CONNECTION) {
    const received = await askPipelined(server, messages.slice(start, start + PER_CONNECTION), PATIENCE_MS * 2);
    for (const [id, answer] of received) answers[id] = answer;
  }
  return answers;
}
