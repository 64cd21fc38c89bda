/**
 * Thresholds and budgets of each preset, every number with its source.
 * Data only: comparing a score or a charge with them is `decide.ts`, keeping count is the caller's work.
 */
import { FITTED_THRESHOLDS } from './model/weights.ts';
import type { Budgets, Thresholds } from './observation.ts';

export type PresetName = 'interactive' | 'agent' | 'batch' | 'scheduled' | 'homelab';

export interface Preset {
  readonly thresholds: Thresholds;
  readonly budgets: Budgets;
  /** Bits that one name may cost below a parent on first contact; null: first contact is not limited. */
  readonly firstContactBits: number | null;
  /** What follows from a name of a known DNS-over-HTTPS service. */
  readonly dohEndpoints: 'refuse' | 'score';
}

/** Fitted with the points: `docs/evaluation/calibration.md` shows the rule and what they give. */
const THRESHOLDS: Thresholds = FITTED_THRESHOLDS;

/** 96 bytes below one parent and 256 bytes over all unlisted ones, for good: a workload that runs unattended has few names to learn. */
const UNATTENDED: Budgets = {
  parentBits: 768,
  sessionBits: 2048,
  // One parent may collect 128 bytes from the whole fleet, 768 bits of them from one session.
  fleetParentBits: 1024,
  parentRefillBitsPerDay: 0,
  sessionRefillBitsPerDay: 0,
  // Nobody hostile reads below an encoder. 150 look-ups of an antivirus product took 107,330 bits in a recording.
  encoderBits: 262_144,
  encoderRefillBitsPerDay: 262_144,
};

/**
 * A person meets new names every day: the same capacity below one parent, refilled by 32 bytes a day, and 1 kB over all unlisted parents,
 * refilled by 512 bytes a day. Measured on 30 simulated days of one person who meets 6 new long-tail sites and 10 names of unlisted third
 * parties a day (4 seeds, 25,000 queries each): 2,200 to 3,200 bits a day, nothing refused; twice as many new names: 21 queries of 85,000
 * refused. With 2,048 bits refilled by 2,048, 1 to 3 % of the same queries were refused. A recording of 771 parents in minutes: 7,896 bits.
 */
const INTERACTIVE: Budgets = {
  ...UNATTENDED,
  sessionBits: 8192,
  parentRefillBitsPerDay: 256,
  sessionRefillBitsPerDay: 4096,
  // 25,000 look-ups at a block list a day.
  encoderBits: 1_048_576,
  encoderRefillBitsPerDay: 1_048_576,
};

/**
 * A household behind one address is many people and devices. 30 simulated days of four such people (3 seeds, 100,000 queries each) took
 * 11,400 to 14,100 bits a day and nothing was refused; with 8,192 bits over all parents 300 to 400 names a week were, with 768 below one
 * parent (and half as many new names again) 1 to 7 a week. The bound: 192 bytes and 64 a day below one parent, 2 kB a day in all.
 */
const HOMELAB: Budgets = {
  ...INTERACTIVE,
  parentBits: 1536,
  sessionBits: 16_384,
  fleetParentBits: 2048,
  parentRefillBitsPerDay: 512,
  sessionRefillBitsPerDay: 16_384,
};

/** See `scoring/README.md`: lets pass what hosts are called, refuses a key of 36 octets however it is written. */
export const FIRST_CONTACT_BITS = 96;

/**
 * The budgets that apply below one parent: an encoder's names carry data by design, so it has its own. `encoder`: the entry of the list
 * of legitimate encoders that the name is metered below; null elsewhere, reverse zones included, because those have many owners.
 */
export function budgetsFor(budgets: Budgets, encoder: string | null): Budgets {
  if (encoder === null) return budgets;
  return {
    ...budgets,
    parentBits: budgets.encoderBits,
    fleetParentBits: budgets.encoderBits === null ? null : budgets.encoderBits * ENCODER_FLEET,
    parentRefillBitsPerDay: budgets.encoderRefillBitsPerDay,
  };
}

/** How many sessions' worth of encoder budget the whole fleet has below one encoder. */
const ENCODER_FLEET = 8;

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  interactive: { thresholds: THRESHOLDS, budgets: INTERACTIVE, firstContactBits: null, dohEndpoints: 'score' },
  agent: { thresholds: THRESHOLDS, budgets: UNATTENDED, firstContactBits: FIRST_CONTACT_BITS, dohEndpoints: 'refuse' },
  batch: { thresholds: THRESHOLDS, budgets: UNATTENDED, firstContactBits: FIRST_CONTACT_BITS, dohEndpoints: 'refuse' },
  scheduled: { thresholds: THRESHOLDS, budgets: UNATTENDED, firstContactBits: FIRST_CONTACT_BITS, dohEndpoints: 'refuse' },
  homelab: { thresholds: THRESHOLDS, budgets: HOMELAB, firstContactBits: null, dohEndpoints: 'score' },
};
