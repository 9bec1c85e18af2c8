/**
 * Two sites with vaults and an exchange each, and a wire between them that a test may spoil.
 *
 * @module
 */

import {
  keyId,
  kmeId,
  newUuid,
  PortRefusal,
  saeId,
  SecretBytes,
  siteId,
  type SiteId,
  type Uuid,
} from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { newDualSigner, newSigningKeyPair, verifierOf, type DualSigner } from '#crypto'
import { generateCohort } from '#health'
import {
  accept,
  complete,
  decideOrRefuse,
  initiate,
  openPolicy,
  receiveHello,
  respond,
  SessionRefusal,
  signPolicy,
  type Party,
  type ProtectionPolicy,
  type QuantumKey,
  type Session,
} from '#session'
import { openVault, vaultMigrations, type Vault } from '#vault'
import { MemoryDisk, MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import type { TransferSessions } from './context.ts'
import { Exchange } from './exchange.ts'
import { exchangeMigrations } from './tables.ts'

export interface TestSite {
  readonly party: Party
  readonly signer: DualSigner
  readonly policy: ProtectionPolicy
  readonly store: MemoryStore
  readonly disk: MemoryDisk
  readonly log: MemoryLog
  readonly begun: Map<Uuid, Session>
  vault: Vault
  exchange: Exchange
}

/** What happens to one question and its answer on the wire. */
export type Wire = (
  pass: { from: SiteId; to: SiteId; method: string; payload: Uint8Array },
  deliver: () => Promise<Uint8Array>,
) => Promise<Uint8Array>

export class Pair {
  readonly time = new SimulatedTime()
  readonly random = seededRandom(7, 'exchange')
  readonly sites = new Map<SiteId, TestSite>()
  /** QKD keys that are left; sessions that need one wait without. */
  quantumKeys = 1000
  /** Whether sites can be reached at all. */
  reachable = true
  wire: Wire = (_, deliver) => deliver()
  epoch = 0

  /** Opens two sites, or those of these names. */
  static async open(...names: readonly string[]): Promise<Pair> {
    const pair = new Pair()
    for (const name of names.length === 0 ? ['bristol', 'cambridge'] : names)
      pair.sites.set(siteId(name), newSite(name))
    for (const site of pair.sites.keys()) await pair.restart(site)
    return pair
  }

  site(name: string): TestSite {
    const found = this.sites.get(siteId(name))
    if (found === undefined) throw new RangeError(`No site ${name}`)
    return found
  }

  /** Forgets everything a site has in memory, as a crash does, and opens it again. */
  async restart(id: SiteId): Promise<void> {
    const site = this.site(id)
    const { store, disk, log, signer, party, begun } = site
    begun.clear()
    const clock = this.time.view()
    const audit = await AuditLog.open({ site: id, store, clock, signer: logSigner(id) })
    const keysOf = (of: SiteId) => verifierOf(this.site(of).signer)
    site.vault = await openVault({
      ...{ site: id, store, disk, clock, audit, signer },
      random: this.random,
      rootKey: SecretBytes.take(new Uint8Array(32).fill(id.length)),
      verifiersOf: (of) => [keysOf(of)],
      acceptOnlySynthetic: true,
    })
    site.exchange = new Exchange({
      ...{ site: id, store, clock, log, audit, signer, keysOf },
      vault: site.vault,
      random: this.random,
      sessions: this.#sessions(party, begun),
      defaultMode: 'prefer-quantum',
      ask: (to, method, payload) =>
        this.wire({ from: id, to, method, payload }, () =>
          this.site(to).exchange.handlers[method](id, payload),
        ),
    })
  }

  #sessions(self: Party, begun: Map<Uuid, Session>): TransferSessions {
    return {
      take: (_, id) => {
        const session = begun.get(id)
        begun.delete(id)
        return session
      },
      prepare: (_, want) =>
        Promise.try(() => {
          const { dataClass, mode: wanted } = want
          const offered = this.quantumKeys > 0 ? [{ source: 'simulated' as const }] : []
          decideOrRefuse(this.site(self.site).policy, { dataClass, wanted, offered })
          if (!this.reachable) throw new PortRefusal('NETWORK_UNREACHABLE', 'Nobody is there')
        }),
      open: (to, want) => Promise.try(() => this.#open(self, this.site(to), want)),
    }
  }

  #open(
    self: Party,
    responder: TestSite,
    want: {
      dataClass: string
      mode: 'require-quantum' | 'prefer-quantum' | 'post-quantum' | 'one-time-pad'
    },
  ): Session {
    const initiator = this.site(self.site)
    const keys = this.#keys(want.mode)
    const begun = initiate({
      self,
      peer: responder.party,
      signer: initiator.signer,
      peerKeys: verifierOf(responder.signer),
      policy: initiator.policy,
      dataClass: want.dataClass,
      purpose: 'transfer',
      wanted: want.mode,
      keys: keys.mine,
      epoch: ++this.epoch,
      random: this.random,
    })
    const received = receiveHello(begun.hello, {
      self: responder.party,
      peer: self,
      peerKeys: verifierOf(initiator.signer),
      policy: responder.policy,
      epochAfter: this.epoch - 1,
    })
    const answered = respond(received, { signer: responder.signer, keys: keys.theirs })
    const at = this.time.view().now()
    const { confirm, session } = complete(begun.state, answered.answer, at)
    responder.begun.set(session.id, accept(answered.state, confirm, at))
    return session
  }

  #keys(mode: string): { mine: QuantumKey[]; theirs: QuantumKey[] } {
    if (mode === 'post-quantum') return { mine: [], theirs: [] }
    if (this.quantumKeys === 0) {
      if (mode === 'prefer-quantum') return { mine: [], theirs: [] }
      throw new SessionRefusal('QUANTUM_KEY_REQUIRED', 'This data class waits for a QKD key')
    }
    this.quantumKeys--
    const id = keyId(newUuid(this.random))
    const octets = this.random.octets(32)
    const key = (): QuantumKey => ({
      keyId: id,
      octets: SecretBytes.copyOf(octets),
      source: 'simulated',
      path: 'direct',
      provenance: new Uint8Array(32),
    })
    return { mine: [key()], theirs: [key()] }
  }
}

/** Imports invented patients at a site. @returns their references there */
export async function importCohort(site: TestSite, patients: number): Promise<readonly Uuid[]> {
  const found: Uuid[] = []
  for (const { octets } of generateCohort({ seed: 3, patients })) {
    found.push(...(await site.vault.importRecords(octets, { actor: 'test' })).patients)
  }
  return found
}

/** Every resource of a patient, opened, in a comparable order. */
export async function openedRecord(site: TestSite, patient: Uuid): Promise<readonly string[]> {
  const texts: string[] = []
  for await (const { text } of site.vault.readPatient(patient, { actor: 'test' })) texts.push(text)
  return texts.toSorted()
}

function newSite(name: string): TestSite {
  const id = siteId(name)
  const signer = newDualSigner()
  const terms = {
    site: id,
    version: 1,
    acceptSimulated: true,
    classes: { clinical: 'prefer-quantum', archive: 'require-quantum' },
  } as const
  const octets = signPolicy(terms, signer)
  return {
    party: { site: id, sae: saeId(`photonward.${name}`), kme: kmeId(`kme.${name}`) },
    signer,
    policy: openPolicy(octets, { site: id, keys: verifierOf(signer), leastVersion: 1 }),
    store: new MemoryStore([...auditMigrations, ...vaultMigrations, ...exchangeMigrations]),
    disk: new MemoryDisk(),
    log: new MemoryLog(),
    begun: new Map(),
  } as unknown as TestSite
}

const logKeys = new Map<string, ReturnType<typeof newLogKeys>>()
const newLogKeys = () => ({
  ed25519: newSigningKeyPair('ed25519'),
  mlDsa44: newSigningKeyPair('ml-dsa-44'),
})

/** The same keys at every start of a site. */
function logSigner(id: SiteId) {
  const keys = logKeys.get(id) ?? newLogKeys()
  logKeys.set(id, keys)
  return { name: `photonward.example/${id}`, ...keys }
}
