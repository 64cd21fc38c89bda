/**
 * Writes the SHA-256 sums that Kennel holds its lists and its model against: `blocklists/SHA256SUMS` and `scoring/model/SHA256`.
 * To be run after a list or the model has changed on purpose; a test fails until it was.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { modelText } from '../scoring/model/model-text.ts';
import { SHIPPED_FILES, sha256 } from '../src/policy/shipped-file.ts';

const BLOCKLISTS = new URL('../blocklists/', import.meta.url);

const lines = SHIPPED_FILES.map((file) => `${sha256(readFileSync(new URL(file, BLOCKLISTS)))}  ${file}\n`);
writeFileSync(new URL('SHA256SUMS', BLOCKLISTS), lines.join(''));
writeFileSync(new URL('../scoring/model/SHA256', import.meta.url), `${sha256(modelText())}\n`);
