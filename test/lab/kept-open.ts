/** What a test has opened, closed when it is over: the last one first. */
import { onTestFinished } from 'vitest';

export function keepOpen<T extends { close(): void | Promise<void> }>(part: T): T {
  onTestFinished(async () => {
    await part.close();
  });
  return part;
}
