/**
 * The demo's internet: one authoritative server on loopback that answers every name and keeps what it was asked. The thief's
 * nameserver and everybody else's are the same server; what it was asked below the thief's domain is what got out.
 */
import dgram from 'node:dgram';
import dnsPacket from 'dns-packet';

export interface DemoAuthority {
  readonly port: number;
  /** Every name asked, lower case, in order. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** Starts on an ephemeral port of 127.0.0.1. */
export async function startDemoAuthority(): Promise<DemoAuthority> {
  const asked: string[] = [];
  const socket = dgram.createSocket('udp4');
  socket.on('message', (packet, peer) => {
    const query = dnsPacket.decode(packet);
    const question = query.questions?.[0];
    if (question === undefined) return;
    asked.push(question.name.toLowerCase());
    const answers: dnsPacket.Answer[] = question.type === 'A' ? [{ type: 'A', name: question.name, ttl: 300, data: '192.0.2.80' }] : [];
    const flags = dnsPacket.RECURSION_AVAILABLE | dnsPacket.RECURSION_DESIRED;
    socket.send(dnsPacket.encode({ type: 'response', id: query.id ?? 0, flags, questions: [question], answers }), peer.port, peer.address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', resolve);
  });
  return {
    port: socket.address().port,
    asked,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
