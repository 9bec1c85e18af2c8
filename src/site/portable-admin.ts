/**
 * The admin routes by which a record leaves in a file, and comes back.
 *
 * What leaves is sealed here, before it reaches whoever asked; what comes back was opened there,
 * where the identity is.
 *
 * @module
 */

import { base64, utf8, uuid, type RandomSource } from '#base'
import type { Handlers, SiteRoutes } from '#contract'
import { sha256 } from '#crypto'
import { checkRecipients, readRecipient, sealAge } from '#envelope'
import type { Vault } from '#vault'

export function portableHandlers(vault: () => Vault, random: RandomSource, by: string) {
  return {
    exportPatient: async function* ({ patient }, { to }) {
      const recipients = to.map(readRecipient)
      checkRecipients(recipients)
      const name = sha256(utf8(to.toSorted().join(' ')))
        .toHex()
        .slice(0, 16)
      const order = { actor: by, to: `age:${name}` }
      const record = octetsOf(vault().portableRecord(uuid(patient), order))
      for await (const part of sealAge(record, recipients, random)) yield { part: base64(part) }
    },
    importPatient: async (_query, octets) => {
      const outcome = await vault().importPortable(octets, { actor: by })
      return { ...outcome, patients: [...outcome.patients] }
    },
  } satisfies Partial<Handlers<SiteRoutes>>
}

async function* octetsOf(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const text of texts) yield utf8(text)
}
