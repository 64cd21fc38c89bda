/**
 * The forms of well-known keys: a fixed beginning and the characters that follow it. Data only; `shape-finder.ts` looks for them.
 * Each is documented by who issues it; most are listed together in GitHub's "supported secret scanning patterns".
 */

/** What may follow the beginning: letters and digits; these with `-` and `_`; base32 in capitals (RFC 4648 §6). */
export type BodyClass = 'alphanumeric' | 'base64url' | 'base32';

export interface KeyShape {
  /** What a record says was found. */
  readonly name: string;
  /** In its own letter case. Long enough not to stand in host names, or followed by a body that must look random. */
  readonly prefix: string;
  readonly body: BodyClass;
  /** Characters of the body that must be seen. 0: the beginning says enough. */
  readonly least: number;
  /** The beginning is part of ordinary words: in the clear, the body must be unlike host names. */
  readonly wordLike?: true;
}

function shapes(name: string, prefixes: readonly string[], body: BodyClass, least: number): KeyShape[] {
  return prefixes.map((prefix) => ({ name, prefix, body, least }));
}

export const KEY_SHAPES: readonly KeyShape[] = [
  // AWS IAM user guide, "Unique identifiers": AKIA long-term, ASIA temporary; 16 of base32.
  ...shapes('aws-access-key', ['AKIA', 'ASIA'], 'base32', 16).map((shape) => ({ ...shape, wordLike: true as const })),
  // GitHub docs, "Token formats": ghp personal, gho OAuth, ghu user-to-server, ghs server-to-server, ghr refresh; 36 characters.
  ...shapes('github-token', ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'], 'alphanumeric', 12),
  // GitLab docs, "Token prefixes".
  ...shapes('gitlab-token', ['glpat-', 'gldt-', 'glrt-', 'glptt-', 'glcbt-', 'glsoat-', 'glagent-'], 'base64url', 12),
  // Slack API docs, "Token types"; digits and dashes follow.
  ...shapes('slack-token', ['xoxb-', 'xoxp-', 'xoxa-', 'xoxr-', 'xoxs-', 'xoxe-', 'xapp-'], 'base64url', 12),
  // OpenAI: project, service account and admin keys; older ones hold "OpenAI" in base64 in their middle.
  ...shapes('openai-key', ['sk-proj-', 'sk-svcacct-', 'sk-admin-', 'T3BlbkFJ'], 'base64url', 12),
  // Anthropic (sk-ant-api03-…), OpenRouter, Groq, xAI, Hugging Face, Replicate: as each console issues them.
  ...shapes('anthropic-key', ['sk-ant-'], 'base64url', 12),
  ...shapes('openrouter-key', ['sk-or-v1-'], 'alphanumeric', 12),
  ...shapes('groq-key', ['gsk_'], 'alphanumeric', 16),
  ...shapes('hugging-face-token', ['hf_'], 'alphanumeric', 20),
  { name: 'xai-key', prefix: 'xai-', body: 'alphanumeric', least: 24, wordLike: true },
  // Google Cloud docs: API keys are AIza and 35 characters; OAuth client secrets begin GOCSPX-, access tokens ya29.a0.
  { name: 'google-api-key', prefix: 'AIza', body: 'base64url', least: 20, wordLike: true },
  ...shapes('google-oauth-secret', ['GOCSPX-', 'ya29.a0'], 'base64url', 12),
  // npm docs (36 characters), PyPI docs (a macaroon for pypi.org), Docker Hub docs.
  ...shapes('npm-token', ['npm_'], 'alphanumeric', 16),
  ...shapes('pypi-token', ['pypi-AgEIcHlwaS5vcmc'], 'base64url', 0),
  ...shapes('docker-token', ['dckr_pat_'], 'base64url', 12),
  // Stripe docs, "API keys".
  ...shapes('stripe-key', ['sk_live_', 'rk_live_', 'sk_test_', 'rk_test_'], 'alphanumeric', 12),
  // DigitalOcean, Shopify, Tailscale, Grafana, Linear, HashiCorp Vault (service tokens): as their API documentation shows them.
  ...shapes('digitalocean-token', ['dop_v1_', 'doo_v1_', 'dor_v1_'], 'alphanumeric', 12),
  ...shapes('shopify-token', ['shpat_', 'shpss_', 'shpca_', 'shppa_'], 'alphanumeric', 12),
  ...shapes('tailscale-key', ['tskey-auth-', 'tskey-api-', 'tskey-client-'], 'base64url', 12),
  ...shapes('grafana-token', ['glsa_'], 'alphanumeric', 12),
  ...shapes('linear-key', ['lin_api_'], 'alphanumeric', 12),
  ...shapes('vault-token', ['hvs.CAES'], 'base64url', 12),
  // age(1): bech32 in capitals.
  ...shapes('age-key', ['AGE-SECRET-KEY-1'], 'alphanumeric', 12),
  // RFC 7519, RFC 7515 §3.1: the base64url of {"alg":, {"typ": and {"kid":
  ...shapes('jwt', ['eyJhbGciOi', 'eyJ0eXAiOi', 'eyJraWQiOi'], 'base64url', 8),
  // RFC 7468 §2; the magic of OpenSSH's PROTOCOL.key; RFC 5208: rsaEncryption and the OCTET STRING that holds a private key.
  ...shapes('pem', ['-----BEGIN'], 'base64url', 0),
  ...shapes('openssh-private-key', ['openssh-key-v1\0'], 'base64url', 0),
  ...shapes('pkcs8-private-key', ['\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04\x82'], 'base64url', 0),
];
