/** The AD flag of an answer: only for who asks for it, and only where nobody on the way can have set it. */
import { describe, expect, test } from 'vitest';
import { requireName } from '../../../src/wire/name.ts';
import { addressRecord } from '../../../src/wire/rdata.ts';
import { BottledKennel } from '../../scenario/bottled-kennel.ts';

function validatedUpstream(): BottledKennel {
  const kennel = new BottledKennel('mode: observe\nupstreams: ["udp://192.0.2.53"]\n');
  kennel.script = ({ name }) => ({
    rcode: 0,
    answers: [addressRecord(requireName(name), '198.51.100.7', 300)],
    authority: [],
    authenticData: true,
  });
  return kennel;
}

describe('AD', () => {
  test('of an upstream across a network is dropped, also for who asks for it', async () => {
    const kennel = validatedUpstream();
    expect((await kennel.ask('www.shop.example', { wantsAd: true }))?.flags.ad).toBe(false);
  });

  test('of an upstream on this machine is passed on to who asks for it, cached too, and to nobody else', async () => {
    const kennel = validatedUpstream();
    kennel.groupsTrustedForAd.add('default');
    expect((await kennel.ask('www.shop.example', { wantsAd: true }))?.flags.ad).toBe(true);
    expect((await kennel.ask('www.shop.example', { wantsAd: true }))?.flags.ad).toBe(true);
    expect((await kennel.ask('www.shop.example'))?.flags.ad).toBe(false);
  });
});
