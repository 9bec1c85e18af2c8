/** Acts 2 and 3 of the demo: grow keys, serve keys. @module */

import { join } from 'node:path'
import { CliRefusal } from '../exit.ts'
import { scaled } from '../output.ts'
import { askKme, containerOf, type KmeAccess, type SaeClient } from '../etsi-014.ts'
import { linkOf, showLink, type Play } from './play.ts'
import { sleep, type SitePlayer } from './troupe.ts'

/** Blocks of photons become keys at both ends. */
export async function growKeys(play: Play): Promise<void> {
  const { stage, troupe, bristol, seen } = play
  stage.act(2, 'Grow keys', 'decoy-state BB84 over 10.6 km, 3.9 dB: the Cambridge metro span')
  stage.note('source, fibre and detectors are simulated, so these keys are computational;')
  stage.note('sifting, Cascade, finite-key bound, amplification and authentication are real')
  stage.note(`clock ${seen.clock}`)
  const begun = performance.now()
  for (;;) {
    const link = await showLink(play)
    seen.secretBits = link.secretBits
    seen.qberHonest = link.qber ?? seen.qberHonest
    const seconds = (performance.now() - begun) / 1000
    if (link.blocksDistilled >= BLOCKS && seconds > GROW_SECONDS_MIN) break
    if (seconds > GROW_SECONDS_MAX && link.blocksDistilled > 0) break
    await troupe.until(
      bristol,
      'the first key',
      () => Promise.resolve(seconds),
      () => seconds < FIRST_KEY_SECONDS_MAX,
    )
    await sleep(LOOK_MS)
  }
  stage.settle()
  const { efficiency, epoch, authenticationSource } = await linkOf(play)
  stage.tick(`${scaled(seen.secretBits, 'bit')} of key at both ends, finite-key ε = 10⁻¹⁰ a block`)
  stage.tick(
    `reconciliation efficiency f = ${efficiency?.toFixed(3) ?? '?'}, every revealed bit counted`,
  )
  stage.tick(
    `every phase authenticated; pads now from block ${authenticationSource}, epoch ${String(epoch)}`,
  )
}

/** Applications on the wards fetch the same key at both ends, once. */
export async function serveKeys(play: Play): Promise<void> {
  const { stage, powers, authority, folder, bristol, cambridge } = play
  stage.act(3, 'Serve keys', 'ETSI GS QKD 014 over mutual TLS, usable by any client')
  const accessOf = async ({ sae, northPort }: SitePlayer): Promise<KmeAccess> => {
    const certificates = join(folder, 'applications', sae)
    await powers.issueSae(authority, sae, certificates)
    return { url: `https://127.0.0.1:${String(northPort)}`, certificates }
  }
  const [master, slave] = [await accessOf(bristol), await accessOf(cambridge)]
  stage.command(
    `curl --cert cert.pem --key key.pem --cacert ca.pem ${master.url}/api/v1/keys/${cambridge.sae}/enc_keys`,
  )
  const made = await askKme(powers, master, (kme) =>
    kme.encKeys(cambridge.sae, { number: 1, sizeBits: 256 }),
  )
  const ids = made.map(({ id }) => id)
  const fetch = (kme: SaeClient) => kme.decKeys(bristol.sae, { ids })
  const fetched = containerOf(await askKme(powers, slave, fetch))
  if (JSON.stringify(fetched) !== JSON.stringify(containerOf(made))) {
    throw failed('the ends hold different keys')
  }
  stage.tick(`key ${ids[0]}: 256 bits, the same at ${bristol.sae} and ${cambridge.sae}`)
  const again = await askKme(powers, slave, fetch).catch((error: unknown) => error)
  if (!(again instanceof CliRefusal)) throw failed('a key was given out twice')
  stage.tick(`asked for it once more: ${again.code}, “${again.message}”`)
}

export const failed = (why: string): CliRefusal =>
  new CliRefusal('DEMO_FAILED', `The demo stops: ${why}`)

const BLOCKS = 4
const GROW_SECONDS_MIN = 8
const GROW_SECONDS_MAX = 30
const FIRST_KEY_SECONDS_MAX = 180
const LOOK_MS = 400
