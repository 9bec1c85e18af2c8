/**
 * A vendor's QKD pair with real daemons: two sites whose link is fed by the KMEs of two others, which
 * play the vendor. From photons of the one pair to keys of an application at the other.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePorts } from '#cli'
import { addSae, initSite, issue, issueSae, joinSites } from '#gateway'
import { photonward } from '../support/processes.ts'
import { makeTwoSites, TestSite, type TwoSites } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

const ENDS = { leeds: 'bristol', york: 'cambridge' } as const

/** A site beside each of the vendor's, with a link that the vendor's KMEs feed. */
async function hospitalsAt(vendor: TwoSites): Promise<readonly TestSite[]> {
  const { folder, authority } = vendor
  const ports = await freePorts(4)
  const names = Object.keys(ENDS) as (keyof typeof ENDS)[]
  const sites: TestSite[] = []
  for (const [at, name] of names.entries()) {
    const place = join(folder, name)
    const [peerPort, northPort] = ports.slice(2 * at)
    await initSite(place, { name, peerPort, northPort, profile: 'demo', passphrase: undefined })
    await issue(authority, place)
    const ward = join(folder, `${name}.ward`)
    await addSae(place, `${name}.ward`)
    await issueSae(authority, `${name}.ward`, ward)
    sites.push(new TestSite({ name, folder: place, ports: [peerPort, northPort], sae: ward }))
  }
  await joinSites(sites[0].folder, sites[1].folder, undefined)
  for (const [at, site] of sites.entries()) {
    const name = names[at]
    cpSync(join(folder, `sae.${name}`), join(site.folder, 'vendor'), { recursive: true })
    const { northPort } = vendor[ENDS[name]]
    site.configure((value) => {
      value['kmeLinks'] = [
        {
          ...{ link: 'leeds-york', peer: names[1 - at], vendor: 'acme' },
          role: at === 0 ? 'transmitter' : 'receiver',
          kme: {
            url: `https://localhost:${String(northPort)}`,
            ...{ certificate: 'vendor/cert.pem', key: 'vendor/key.pem', ca: 'vendor/ca.pem' },
          },
          ...{ sae: `sae.${name}`, peerSae: `sae.${names[1 - at]}` },
          ...{ keysPerBlock: 16, targetBits: 16_384, pollMs: 200, epsilon: 1e-9 },
        },
      ]
    })
  }
  return sites
}

test("two hospitals live on a vendor's KMEs, through a kill and a vendor that is away", async (t) => {
  const saes = { 'sae.leeds': 'bristol', 'sae.york': 'cambridge' } as const
  const vendor = await makeTwoSites(t, { saes })
  const [leeds, york] = await hospitalsAt(vendor)
  t.after(async () => {
    await Promise.all([leeds.daemon.kill(), york.daemon.kill()])
    for (const { ward } of [leeds, york]) ward[Symbol.dispose]()
  })
  // The vendor is away: the hospitals wait, and say why.
  await Promise.all([leeds.daemon.start(), york.daemon.start()])
  const linkAt = async (site: TestSite) => (await site.admin.call('links', {}, null))[0]
  await until('the link says that the KME is away', async () => {
    return (await linkAt(leeds)).reason === 'KME_CLIENT_UNREACHED'
  })
  await vendor.start()
  await Promise.all([leeds.hasKeys(4), york.hasKeys(4)])

  const [made] = (await leeds.ward.encKeys('york.ward')) ?? []
  const fetch = () => york.ward.ask('GET', `leeds.ward/dec_keys?key_ID=${made.key_ID}`)
  const got = JSON.parse((await fetch()).body) as { readonly keys: readonly { key: string }[] }
  assert.equal(got.keys[0].key, made.key)
  assert.equal((await fetch()).status, 400, 'each key is given once')

  for (const site of [leeds, york]) {
    await site.daemon.kill()
    await site.daemon.start()
    await Promise.all([leeds, york].map((one) => one.hasKeys(4)))
  }
  // More than was there before the kills: it grows again.
  const before = (await linkAt(leeds)).secretBits
  await until('the pool is restocked', async () => {
    await leeds.ward.encKeys('york.ward')
    return (await linkAt(leeds)).secretBits > before
  })
  const shown = await photonward(['--site', leeds.folder, 'link', 'list'])
  assert.match(shown.stdout, /leeds-york +york +running.*vendor's/)
  const one = await photonward(['--site', york.folder, 'link', 'show', 'leeds-york'])
  assert.match(one.stdout, /keys held also by +acme/)
  const released = await photonward(['--site', york.folder, 'link', 'release', 'leeds-york'])
  assert.match(released.stderr, /KME_LINK_NOT_SUSPENDED/)
  const [first, second] = await Promise.all([leeds.verify(), york.verify()])
  assert.deepEqual([first.faults, second.faults], [[], []])
})
