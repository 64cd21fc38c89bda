/**
 * Everything lasting, opened together in the order that makes a failed start leave nothing behind: the folder and its lock first,
 * then the files the packet thread writes, then the two threads. Closed in the reverse order.
 */
import { type DecisionOptions, type Decisions, openDecisions } from './decisions.ts';
import { type DomainAgeFile, openDomainAges } from './domain-ages.ts';
import { type Evidence, type EvidenceOptions, openEvidence } from './evidence.ts';
import { type LastingMeters, openMeters } from './meters.ts';
import { openStateFolder, type StateFolder } from './state-folder.ts';

export interface Storage {
  readonly folder: StateFolder;
  readonly evidence: Evidence;
  readonly meters: LastingMeters;
  readonly decisions: Decisions;
  readonly domainAges: DomainAgeFile;
  /** What an operator must know about lasting state, for `/readyz` and the log. */
  alarms(): readonly string[];
  close(): Promise<void>;
}

export interface StorageOptions {
  readonly evidence?: EvidenceOptions;
  readonly decisions?: Omit<DecisionOptions, 'metersFile' | 'checkpointFiles'>;
}

export type OpenStorage = { readonly kind: 'ok'; readonly storage: Storage } | { readonly kind: 'error'; readonly message: string };

/** For each of meters and evidence, in the database and in its log: some 40,000 meters or 10,000 quarantines. */
const RESERVED_OCTETS = 4 * 1024 * 1024;

/** Opens the state folder and all its databases; the error is one sentence for the operator, and then nothing is left open. */
export async function openStorage(
  path: string,
  randomOctets: (count: number) => Uint8Array,
  options: StorageOptions = {},
): Promise<OpenStorage> {
  const closers: (() => void | Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  const fail = async (message: string): Promise<OpenStorage> => {
    await close();
    return { kind: 'error', message };
  };

  const folder = openStateFolder(path, randomOctets);
  if (folder.kind === 'error') return fail(folder.message);
  closers.push(folder.folder.close);
  const file = folder.folder.file;

  const meters = openMeters(file('meters.sqlite'));
  if (meters.kind === 'error') return fail(meters.message);
  closers.push(meters.meters.close);

  const ages = openDomainAges(file('domain-ages.sqlite'));
  if (ages.kind === 'error') return fail(ages.message);
  closers.push(ages.ages.close);

  const [evidence, decisions] = await Promise.all([
    openEvidence(file('evidence.sqlite'), { reservedOctets: RESERVED_OCTETS, ...options.evidence }),
    openDecisions(file('decisions.sqlite'), {
      ...options.decisions,
      metersFile: file('meters.sqlite'),
      checkpointFiles: [file('domain-ages.sqlite')],
      reservedOctets: RESERVED_OCTETS,
    }),
  ]);
  if (decisions.kind === 'ok') closers.push(decisions.decisions.close);
  if (evidence.kind === 'ok') closers.push(evidence.evidence.close);
  if (evidence.kind === 'error') return fail(evidence.message);
  if (decisions.kind === 'error') return fail(decisions.message);

  return {
    kind: 'ok',
    storage: {
      folder: folder.folder,
      evidence: evidence.evidence,
      meters: meters.meters,
      decisions: decisions.decisions,
      domainAges: ages.ages,
      alarms: () => [...evidence.evidence.alarms(), ...decisions.decisions.alarms()],
      close,
    },
  };
}
