/**
 * Runs every benign stream under the presets it makes sense for, and under the two presets that most people will meet.
 */
import type { PresetName } from '../../scoring/presets.ts';
import { captureNames, isHeldOut, sessionOfCapture, sessionOfClient } from '../calibrate/split.ts';
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
  /** Sessions that the points were not fitted on; of simulations, those that would not have been, had their seed been the calibration's. */
  readonly heldOut: ReadonlySet<string>;
}

export async function measureBenign(
  folder: string,
  seed: string,
  size: BenignSize,
  isTaken: (domain: string) => boolean,
): Promise<BenignRun[]> {
  const runs: BenignRun[] = [];
  const captured = new Set(captureNames(folder));
  for (const { stream, own, kind, about, sections = [] } of benignStreams(folder, seed, size, isTaken)) {
    const presets = [...new Set<PresetName>([...own, 'interactive', 'agent'])];
    for (const preset of presets) {
      // What is known of an age changes first contact, which only unattended presets have.
      const ages = preset === 'agent' ? (['unknown', 'aged'] as const) : (['unknown'] as const);
      for (const age of ages) {
        const condition: Condition = { preset, age: age === 'aged' ? AGED : 'unknown', sections };
        const result = await runStream(stream, condition);
        const sessions = result.sessions.map(({ session }) => session);
        const heldOut = new Set(
          sessions.filter((client) =>
            isHeldOut(captured.has(stream.name) ? sessionOfCapture(stream.name) : sessionOfClient(stream, client)),
          ),
        );
        runs.push({ stream: stream.name, kind, about, preset, own: own.includes(preset), ages: age, result, heldOut });
      }
    }
  }
  return runs;
}
