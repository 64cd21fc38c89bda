/**
 * What every verb of the command line is: a usage text and a function from arguments to an exit code.
 * Exit codes: 0 done, 1 a finding, 2 wrong usage or config, 3 a runtime failure.
 */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { plainText } from '../telemetry/plain-text.ts';

export interface VerbIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Verb {
  readonly usage: string;
  run(args: readonly string[], io: VerbIo): Promise<number>;
}

/** Parses a verb's arguments; an unknown option or a missing value is `wrong`. */
export function parseVerb<Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options) {
  try {
    return { kind: 'parsed' as const, ...parseArgs({ args: [...args], options, allowPositionals: true, strict: true }) };
  } catch (error) {
    return { kind: 'wrong' as const, message: error instanceof Error ? error.message : String(error) };
  }
}

/** Exit code 2, with what is wrong and how it goes. */
export function wrongUsage(io: VerbIo, usage: string, message: string): number {
  io.stderr.write(`${plainText(message)}\n\n${usage}\n`);
  return 2;
}
