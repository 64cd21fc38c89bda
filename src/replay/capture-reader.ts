/**
 * DNS queries and their responses out of a capture: pcap or pcapng, UDP and TCP, matched by addresses, ports, ID and question.
 * What is not DNS on the port is passed over; what is and cannot be read is counted or told.
 */
import { OPCODE, RRCLASS } from '../wire/codes.ts';
import { FLAG, HEADER_OCTETS, opcodeOf, QUESTION_TAIL_OCTETS } from '../wire/header.ts';
import { type QName, readQuestionName } from '../wire/name.ts';
import { readUint16 } from '../wire/octets.ts';
import { CaptureFile } from './capture-file.ts';
import { addressText, type Datagram, readFrame } from './packet-layers.ts';
import { readAnswer } from './recorded-answer.ts';
import { checkedTime } from './recorded-values.ts';
import { AnswerWindow, type RecordingReader, type RecordingSink } from './recording-reader.ts';
import { TcpStreams } from './tcp-streams.ts';

/** What is counted under which name. */
const LEFT_OUT = {
  fragment: 'IP fragments',
  cut: 'packets cut short',
  'link type': 'frames of a link type that is not supported',
} as const;

/** `ports`: where resolvers listen; 53 unless told otherwise. */
export function captureReader(sink: RecordingSink, ports: readonly number[]): RecordingReader {
  const window = new AnswerWindow((query) => sink.query(query), null);
  const streams = new TcpStreams();
  const isServer = (port: number): boolean => ports.includes(port);

  const file = new CaptureFile({
    problem: (packet, what) => sink.problem(packet, what),
    packet: ({ atMs, linkType, octets }, number) => {
      const datagram = readFrame(linkType, octets);
      if (typeof datagram === 'string') {
        if (datagram !== 'other') sink.leftOut(LEFT_OUT[datagram]);
        return;
      }
      if (!isServer(datagram.sourcePort) && !isServer(datagram.destinationPort)) return;
      if (checkedTime(atMs) === null) {
        sink.problem(number, 'no readable time');
        return;
      }
      if (datagram.protocol === 'udp') {
        take(datagram, datagram.payload, atMs);
        return;
      }
      const whole = streams.take(datagram, (message) => take(datagram, message, atMs));
      if (!whole) sink.leftOut('TCP segments after a gap');
    },
  });

  function take(datagram: Datagram, message: Uint8Array, atMs: number): void {
    const flags = readUint16(message, 2);
    const response = (flags & FLAG.QR) !== 0;
    if (!isServer(response ? datagram.sourcePort : datagram.destinationPort)) return;
    const question = readQuestion(message, flags);
    if (question === null) {
      sink.leftOut('messages that are no query');
      return;
    }
    const { qname, qtype } = question;
    const key = exchangeKey(datagram, response, readUint16(message, 0), qname, qtype);
    if (!response) {
      window.add(key, { atMs, client: addressText(datagram.source), qname, qtype });
      return;
    }
    const answer = readAnswer(message);
    if (answer === null || !window.settle(key, atMs, answer)) sink.leftOut('responses without a query');
  }

  return {
    push: (octets) => file.push(octets),
    end() {
      file.end();
      window.end();
    },
  };
}

/** The one question of class IN in a message; null where there is none. */
function readQuestion(message: Uint8Array, flags: number): { readonly qname: QName; readonly qtype: number } | null {
  if (message.length < HEADER_OCTETS || opcodeOf(flags) !== OPCODE.QUERY || readUint16(message, 4) !== 1) return null;
  const name = readQuestionName(message, HEADER_OCTETS);
  if (name === null || name.end + QUESTION_TAIL_OCTETS > message.length) return null;
  return readUint16(message, name.end + 2) === RRCLASS.IN ? { qname: name.name, qtype: readUint16(message, name.end) } : null;
}

/** The same for a query and its response. */
function exchangeKey(datagram: Datagram, response: boolean, id: number, qname: string, qtype: number): string {
  const { source, destination, sourcePort, destinationPort, protocol } = datagram;
  const head = response
    ? `${destination}${source}${String.fromCharCode(destinationPort, sourcePort, id, qtype)}`
    : `${source}${destination}${String.fromCharCode(sourcePort, destinationPort, id, qtype)}`;
  return `${protocol}${head}${qname}`;
}
