/**
 * Thresholds and budgets of each preset, every number with its source.
 * Data only: comparing a score or a charge with them is `decide.ts`, keeping count is the caller's work.
 */
import type { Budgets, Thresholds } from './observation.ts';

export type PresetName = 'interactive' | 'agent' | 'batch' | 'scheduled' | 'homelab';

export interface Preset {
  readonly thresholds: Thresholds;
  readonly budgets: Budgets;
}

/** Chosen on the development captures; the table in `scoring/README.md` shows what they give. */
const THRESHOLDS: Thresholds = { flag: 40, refuse: 60, quarantine: 75 };

/** 96 bytes below one parent and 256 bytes over all of them, for good: a workload that runs unattended has few names to learn. */
const UNATTENDED: Budgets = {
  parentBits: 768,
  sessionBits: 2048,
  // One parent may collect 128 bytes from the whole fleet, 768 bits of them from one session.
  fleetParentBits: 1024,
  parentRefillBitsPerDay: 0,
  sessionRefillBitsPerDay: 0,
};

/**
 * A person meets new names every day. Below one parent the capacity is the same, refilled: 32 bytes per parent and day. Over all parents
 * it is 4 kB a day, because browsing alone spends that: with 2,048 bits a day 91 % of a browsing recording would be refused.
 */
const INTERACTIVE: Budgets = {
  ...UNATTENDED,
  sessionBits: 32_768,
  parentRefillBitsPerDay: 256,
  sessionRefillBitsPerDay: 32_768,
};

/** A household behind one address is many people and devices: four times the capacity, refilled once a day. */
const HOMELAB: Budgets = {
  parentBits: 3072,
  sessionBits: 32_768,
  fleetParentBits: 4096,
  parentRefillBitsPerDay: 1024,
  sessionRefillBitsPerDay: 32_768,
};

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  interactive: { thresholds: THRESHOLDS, budgets: INTERACTIVE },
  agent: { thresholds: THRESHOLDS, budgets: UNATTENDED },
  batch: { thresholds: THRESHOLDS, budgets: UNATTENDED },
  scheduled: { thresholds: THRESHOLDS, budgets: UNATTENDED },
  homelab: { thresholds: THRESHOLDS, budgets: HOMELAB },
};
