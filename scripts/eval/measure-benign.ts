/**
 * Runs every benign stream under the presets it makes sense for, and under the two presets that most people will meet.
 */
import type { PresetName } from '../../scoring/presets.ts';
import { type Benign, type BenignSize, benignStreams } from './benign.ts';
import { AGED, type Condition } from './conditions.ts';
import { runStream, type StreamResult } from './run-stream.ts';

export interface BenignRun {
  readonly stream: string;
  readonly kind: Benign['kind'];
  readonly about: string;
  readonly preset: PresetName;
  /** The stream makes sense under this preset. */
  readonly own: boolean;
  readonly ages: 'aged' | 'unknown';
  readonly result: StreamResult;
}

export async function measureBenign(
  folder: string,
  seed: string,
  size: BenignSize,
  isTaken: (domain: string) => boolean,
): Promise<BenignRun[]> {
  const runs: BenignRun[] = [];
  for (const { stream, own, kind, about, sections = [] } of benignStreams(folder, seed, size, isTaken)) {
    const presets = [...new Set<PresetName>([...own, 'interactive', 'agent'])];
    for (const preset of presets) {
      // What is known of an age changes first contact, which only unattended presets have.
      const ages = preset === 'agent' ? (['unknown', 'aged'] as const) : (['unknown'] as const);
      for (const age of ages) {
        const condition: Condition = { preset, age: age === 'aged' ? AGED : 'unknown', sections };
        const result = await runStream(stream, condition);
        runs.push({ stream: stream.name, kind, about, preset, own: own.includes(preset), ages: age, result });
      }
    }
  }
  return runs;
}
