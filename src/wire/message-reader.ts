/**
 * Cuts a TCP stream into DNS messages by their two-octet length (RFC 1035 §4.2.2), whatever the segments look like.
 * Holds at most the chunk it was given last and one unfinished message (64 KiB). Knows nothing of sockets or of DNS.
 */

const LENGTH_OCTETS = 2;

export class MessageReader {
  #chunk: Uint8Array = new Uint8Array(0);
  #offset = 0;
  /** Octets of the length field seen so far (0-2), and its value. */
  #lengthSeen = 0;
  #length = 0;
  #message: Uint8Array | null = null;
  #filled = 0;

  /** Adds received octets. Call `next` until it returns null before pushing more: what is unread is kept by copying. */
  push(chunk: Uint8Array): void {
    const unread = this.#chunk.length - this.#offset;
    if (unread === 0) this.#chunk = chunk;
    else this.#chunk = Buffer.concat([this.#chunk.subarray(this.#offset), chunk]);
    this.#offset = 0;
  }

  /** The next complete message (a copy of its own, possibly empty), or null until more octets arrive. */
  next(): Uint8Array | null {
    while (this.#lengthSeen < LENGTH_OCTETS) {
      const octet = this.#chunk[this.#offset];
      if (octet === undefined) return null;
      this.#length = this.#length * 256 + octet;
      this.#lengthSeen += 1;
      this.#offset += 1;
    }
    // Not cleared: a client that only announces 64 KiB then costs address space, not memory.
    this.#message ??= Buffer.allocUnsafe(this.#length);
    const part = this.#chunk.subarray(this.#offset, this.#offset + this.#length - this.#filled);
    this.#message.set(part, this.#filled);
    this.#filled += part.length;
    this.#offset += part.length;
    if (this.#filled < this.#length) return null;
    const message = this.#message;
    this.#message = null;
    this.#filled = 0;
    this.#length = 0;
    this.#lengthSeen = 0;
    return message;
  }

  /** True in the middle of a message. */
  get partial(): boolean {
    return this.#lengthSeen > 0;
  }
}
