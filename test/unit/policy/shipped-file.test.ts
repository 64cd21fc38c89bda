/** What was changed after the release is not decided by: lists and model are held against their sums. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { modelText } from '../../../scoring/model/model-text.ts';
import { DamagedInstallation, readShippedFile, requireModel, SHIPPED_FILES, sha256 } from '../../../src/policy/shipped-file.ts';

const copy = mkdtempSync(join(tmpdir(), 'kennel-lists-'));
cpSync(join(import.meta.dirname, '../../../blocklists'), copy, { recursive: true });
const folder = pathToFileURL(`${copy}/`);

afterAll(() => rmSync(copy, { recursive: true }));

describe('the lists of a release', () => {
  test.each(SHIPPED_FILES)('%s is the one that was released', (file) => {
    expect(readShippedFile(file).length).toBeGreaterThan(0);
    expect(readShippedFile(file, folder)).toEqual(readShippedFile(file));
  });

  test('a list with one more line is refused with its sum', () => {
    const poisoned = `${readShippedFile('encoders.txt').toString('latin1')}attacker.example\tcloud\ttrust me\n`;
    writeFileSync(join(copy, 'encoders.txt'), poisoned);
    expect(() => readShippedFile('encoders.txt', folder)).toThrow(DamagedInstallation);
    expect(() => readShippedFile('encoders.txt', folder)).toThrow(sha256(poisoned));
  });

  test('a list that is gone, and one without a sum, are refused', () => {
    rmSync(join(copy, 'doh-endpoints.txt'));
    expect(() => readShippedFile('doh-endpoints.txt', folder)).toThrow('install Kennel again');
    writeFileSync(join(copy, 'SHA256SUMS'), '');
    expect(() => readShippedFile('shared-parents.txt', folder)).toThrow(DamagedInstallation);
  });
});

describe('the scoring model', () => {
  test('is the one that was released', () => {
    expect(() => requireModel()).not.toThrow();
  });

  test('with one number changed is refused with its sum', () => {
    const poisoned = modelText().replace('"quarantine":', '"quarantine":1');
    expect(poisoned).not.toBe(modelText());
    expect(() => requireModel(poisoned)).toThrow(sha256(poisoned));
  });
});
