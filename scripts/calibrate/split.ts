/**
 * Which sessions the points are fitted on, and which are held out to judge them: half by half, for the calibration and the evaluation alike.
 * Nothing but tool and session decides, so that a new session moves none.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What is fitted on or held out as one. */
export interface SessionOfTool {
  /** Which tool or user made it: folds leave out whole tools. */
  readonly tool: string;
  readonly session: string;
}

/** Half of all sessions is for fitting, the other for judging. */
export function isHeldOut({ tool, session }: SessionOfTool): boolean {
  return (createHash('sha256').update(`${tool}\n${session}`).digest()[0] ?? 0) >= 128;
}

/** A packet capture, by its file name without the ending: one session, whoever asks in it. */
export function sessionOfCapture(name: string): SessionOfTool {
  return { tool: /^(?:iodine|dns2tcp|dnscat2)/.exec(name)?.[0] ?? name, session: name };
}

/** One client of any other recording or simulation. */
export function sessionOfClient({ name, tool }: { readonly name: string; readonly tool: string }, client: string): SessionOfTool {
  return { tool, session: `${name} ${client}` };
}

/** The packet captures below the data folder. */
export function captureNames(folder: string): string[] {
  const captures = join(folder, 'captures');
  if (!existsSync(captures)) return [];
  const names = readdirSync(captures)
    .sort()
    .map((file) => /^(.+)\.pcap\.gz$/.exec(file)?.[1]);
  return names.filter((name) => name !== undefined);
}
