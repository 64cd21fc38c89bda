/**
 * What comes with Kennel and decides names, held against the SHA-256 it was released with: the lists in `blocklists/` and the scoring
 * model. A list changed on its way or on disk would vouch for a stranger's domain, a changed model would score nothing.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { modelText } from '../../scoring/model/model-text.ts';

const BLOCKLISTS = new URL('../../blocklists/', import.meta.url);
const MODEL_SUM = new URL('../../scoring/model/SHA256', import.meta.url);

export const SHIPPED_FILES = ['doh-endpoints.txt', 'encoders.txt', 'popular-domains.txt.gz', 'shared-parents.txt'] as const;

export type ShippedFile = (typeof SHIPPED_FILES)[number];

/** What is wrong with the installation, in words for whoever runs it: nothing that decides by the damaged part may start. */
export class DamagedInstallation extends Error {
  readonly code = 'damaged-installation';
}

/** The octets of a shipped list. Throws `DamagedInstallation` when it is missing or is not the one of this release. */
export function readShippedFile(file: ShippedFile, folder: URL = BLOCKLISTS): Buffer {
  const octets = readOrTell(new URL(file, folder));
  const sums = readOrTell(new URL('SHA256SUMS', folder)).toString('latin1').split('\n');
  // A line of `sha256sum`: the sum, two spaces, the name.
  const expected = sums.find((line) => line.endsWith(`  ${file}`))?.split(' ')[0];
  requireSum(`the list blocklists/${file}`, octets, expected);
  return octets;
}

/** Throws `DamagedInstallation` when the scoring model in use is not the one of this release. */
export function requireModel(text: string = modelText(), sumFile: URL = MODEL_SUM): void {
  requireSum('the scoring model', text, readOrTell(sumFile).toString('latin1').trim());
}

export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function requireSum(what: string, data: Uint8Array | string, expected: string | undefined): void {
  const found = sha256(data);
  if (found === expected) return;
  throw new DamagedInstallation(
    `${what} is not the one of this release: its SHA-256 is ${found}, not ${expected ?? 'listed'}; install Kennel again`,
  );
}

function readOrTell(file: URL): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new DamagedInstallation(`${error instanceof Error ? error.message : String(error)}; install Kennel again`);
  }
}
