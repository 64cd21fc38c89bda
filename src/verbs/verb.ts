/**
 * What every verb of the command line is: a usage text and a function from arguments to an exit code.
 * Exit codes (CONTRACT): 0 done, 1 a finding, 2 wrong usage or config, 3 a runtime failure.
 */
export interface VerbIo {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown };
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Verb {
  readonly usage: string;
  run(args: readonly string[], io: VerbIo): Promise<number>;
}

/** Says what was wrong with the arguments; exit code 2. */
export function usageError(io: VerbIo, problem: string, usage: string): number {
  io.stderr.write(`${problem}\n\n${usage}\n`);
  return 2;
}
