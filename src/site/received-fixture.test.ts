/**
 * Another hospital that seals records and sends them here. Holds no tests itself.
 *
 * @module
 */

import assert from 'node:assert/strict'
import {
  epochMs,
  keyId,
  SecretBytes,
  siteId,
  toCbor,
  utf8,
  uuid,
  type SiteId,
  type Uuid,
} from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { newDualSigner, newSigningKeyPair, verifierOf, type DualVerifier } from '#crypto'
import type { JsonObject } from '#health'
import type { Protection } from '#session'
import { openVault, vaultMigrations, type ReceivedItem } from '#vault'
import { MemoryDisk, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { newDecidedServer } from './fhir-fixture.test.ts'

export const THERE = siteId('cambridge')
const by = { actor: 'test' }

/** How a record of these tests was protected on its way. */
export const WAY: Protection = {
  ...{ mode: 'require-quantum', used: 'hybrid-quantum', suite: 'PW-HYB-1' },
  keyIds: [keyId('018f0000-0000-4000-8000-000000000003')],
  ...{ keySource: 'simulated', keyPath: 'direct' },
  sessionId: uuid('018f0000-0000-4000-8000-000000000004'),
  ...{ transcript: '00'.repeat(48), at: epochMs(1000) },
}

/** A site that decides, and others whose records may come to it. */
export async function newReceiver(...sites: readonly SiteId[]) {
  const keys = new Map<SiteId, DualVerifier[]>()
  const senders = new Map<SiteId, Awaited<ReturnType<typeof newSender>>>()
  for (const site of sites.length === 0 ? [THERE] : sites) {
    senders.set(site, await newSender(site, keys))
  }
  const server = await newDecidedServer(keys)
  /** Files resources at another site, and takes in the record of the first patient among them. */
  const receive = async (
    resources: readonly JsonObject[],
    from: SiteId = THERE,
  ): Promise<readonly Uuid[]> => {
    const sender = senders.get(from)
    assert(sender !== undefined, 'a site of this test')
    const { vault, store } = server
    const items = await sender.send(resources)
    return await vault.exclusively(async () => {
      const staged = await vault.stageImport({ from, ...by }, items)
      await store.commit(staged.statements)
      return staged.patients
    })
  }
  return { ...server, receive, senders }
}

async function newSender(site: SiteId, keys: Map<SiteId, DualVerifier[]>) {
  const store = new MemoryStore([...auditMigrations, ...vaultMigrations])
  const clock = new SimulatedTime().view()
  const signer = newDualSigner()
  keys.set(site, [verifierOf(signer)])
  const log = await AuditLog.open({
    ...{ site, store, clock },
    signer: {
      name: `photonward.example/${site}`,
      ed25519: newSigningKeyPair('ed25519'),
      mlDsa44: newSigningKeyPair('ml-dsa-44'),
    },
  })
  using rootKey = SecretBytes.copyOf(new Uint8Array(32).fill(8))
  const vault = await openVault({
    ...{ site, store, clock, audit: log, signer, rootKey, disk: new MemoryDisk() },
    random: seededRandom(1, site),
    verifiersOf: (of) => keys.get(of) ?? [],
    acceptOnlySynthetic: false,
  })
  const send = async (resources: readonly JsonObject[]): Promise<readonly ReceivedItem[]> => {
    const entry = resources.map((resource) => ({ resource }))
    const bundle = utf8(JSON.stringify({ resourceType: 'Bundle', type: 'collection', entry }))
    const { patients } = await vault.importRecords(bundle, by)
    const found: ReceivedItem[] = []
    const way = { mode: WAY.mode, used: WAY.used, record: toCbor({ ...WAY }) }
    for await (const item of vault.exportItems({ patient: patients[0], to: site, ...by })) {
      found.push({ ...item, protections: [...item.protections, way] })
    }
    return found
  }
  return { vault, store, send }
}
