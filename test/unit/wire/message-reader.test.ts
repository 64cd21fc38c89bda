import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MessageReader } from '../../../src/wire/message-reader.ts';

function frame(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);
}

function drain(reader: MessageReader): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let message = reader.next(); message !== null; message = reader.next()) messages.push(message);
  return messages;
}

describe('MessageReader', () => {
  test('gives the messages that were framed, however the stream is cut into chunks', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 12 });
    const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(messages, cuts, (sent, sizes) => {
        const stream = Buffer.concat(sent.map(frame));
        const reader = new MessageReader();
        const received: Uint8Array[] = [];
        for (let offset = 0, index = 0; offset < stream.length; index += 1) {
          const size = sizes[index % sizes.length] ?? 1;
          reader.push(stream.subarray(offset, offset + size));
          received.push(...drain(reader));
          offset += size;
        }
        expect(received.map((message) => Buffer.from(message).toString('hex'))).toEqual(
          sent.map((message) => Buffer.from(message).toString('hex')),
        );
        expect(reader.partial).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  test('keeps what was not read yet when more arrives', () => {
    const reader = new MessageReader();
    reader.push(Buffer.concat([frame(Buffer.from('one')), frame(Buffer.from('two'))]));
    expect(Buffer.from(reader.next() ?? []).toString()).toBe('one');
    reader.push(frame(Buffer.from('three')));
    expect(drain(reader).map((message) => Buffer.from(message).toString())).toEqual(['two', 'three']);
  });

  test('reads the largest message a length can announce', () => {
    const reader = new MessageReader();
    const message = new Uint8Array(65_535).fill(7);
    reader.push(frame(message).subarray(0, 40_000));
    expect(reader.next()).toBeNull();
    expect(reader.partial).toBe(true);
    reader.push(frame(message).subarray(40_000));
    expect(reader.next()?.length).toBe(65_535);
  });

  test('a message does not change when the chunk it came from is reused', () => {
    const reader = new MessageReader();
    const chunk = frame(Buffer.from('kept'));
    reader.push(chunk);
    const message = reader.next();
    chunk.fill(0);
    expect(Buffer.from(message ?? []).toString()).toBe('kept');
  });
});
