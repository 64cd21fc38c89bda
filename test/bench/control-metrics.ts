/** Reads the metrics of a Kennel that runs in a process of its own, over its control socket. */
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import type { Kennel } from '../lab/kennel-process.ts';

/** Values by series, as they are written: `kennel_cache_entries`, `kennel_dns_responses_total{…}`. */
export async function readMetrics(kennel: Kennel): Promise<ReadonlyMap<string, number>> {
  const text = await get(join(dirname(kennel.stateFolder), 'control.sock'), '/metrics');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { host: 'localhost' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`${path}: ${response.statusCode}`))));
    });
    asked.on('error', reject);
    asked.end();
  });
}
