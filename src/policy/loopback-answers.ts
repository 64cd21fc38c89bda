/**
 * Zones whose answers in 127.0.0.0/8 are codes and no addresses (DNS blocklists, RFC 5782 §2.1). Written by hand,
 * never complete. Data only; what may pass because of it is `aliases.ts`.
 */

/** Registrable domains and zones; every name below one counts. */
export const LOOPBACK_ANSWER_ZONES: readonly string[] = [
  'abuseat.org', // Composite Blocking List
  'barracudacentral.org', // Barracuda Reputation Block List
  'avqs.mcafee.com', // Trellix Global Threat Intelligence
  'avts.mcafee.com', // Trellix Global Threat Intelligence
  'backscatterer.org', // Backscatterer
  'dnswl.org', // DNSWL
  'dronebl.org', // DroneBL
  'efnetrbl.org', // EFnet RBL
  'hostkarma.junkemailfilter.com', // Hostkarma
  'invaluement.com', // Invaluement
  'mailspike.net', // Mailspike
  'nixspam.org', // NiX Spam
  'psbl.surriel.com', // Passive Spam Block List
  'rbl.interserver.net', // InterServer RBL
  's5h.net', // S5H
  'senderscore.com', // Validity Sender Score
  'sorbs.net', // SORBS
  'spamcop.net', // SpamCop
  'spamhaus.net', // Spamhaus Data Query Service
  'spamhaus.org', // Spamhaus
  'spameatingmonkey.net', // Spam Eating Monkey
  'spamrats.com', // SpamRATS
  'surbl.org', // SURBL
  'uceprotect.net', // UCEPROTECT
  'uribl.com', // URIBL
  'wpbl.info', // Weighted Private Block List
];
