/**
 * GS QKD 020 as a function from a partner's request to an answer.
 *
 * A partner is known by the certificate that was agreed with him, never by what he says. He may hand
 * over keys of his own applications for those of this KME, take back what he handed over, and say
 * what became of what was sent to him; acknowledgements go to his own origin and nowhere else.
 * Everything that can be refused is refused before anything is kept, with 400 or 401; afterwards each
 * key is answered for by itself.
 *
 * @see ETSI GS QKD 020 V1.1.1
 * @module
 */

import {
  AssertionFailure,
  newUuid,
  Refusal,
  SecretBytes,
  type ClientCertificate,
  type HttpRequest,
  type HttpResponse,
  type KeyId,
} from '#base'
import { KeystoreRefusal } from '#keystore'
import { sameSharing, type Partner, type PartnerDesk } from './etsi-020-desk.ts'
import { problemOf, refusedAs, unauthorized } from './etsi-020-problem.ts'
import {
  insertAck,
  insertKey,
  readKey,
  voidKey,
  type OwedAck,
  type PartnerKey,
} from './etsi-020-rows.ts'
import {
  acksText,
  jsonText,
  readAcks,
  readTransfer,
  readVoid,
  type Ack,
  type AckStatus,
  type ExternalKey,
  type Sharing,
  type Transfer,
} from './etsi-020-wire.ts'
import { KmeRefusal } from './refusal.ts'

/** Answers one request. Rejects only with a bug of ours. */
export async function servePartner(
  desk: PartnerDesk,
  request: HttpRequest,
  /** Says that an acknowledgement is owed, once it is durable. */
  owe: (ack: OwedAck) => void,
  limitRate: (partner: Partner) => number | undefined,
): Promise<HttpResponse> {
  try {
    const partner = partnerOf(desk, request.client)
    const wait = limitRate(partner)
    if (wait !== undefined) throw tooMany(wait)
    const route = ROUTES.get(request.path)
    if (route === undefined) {
      throw new KmeRefusal('KME_ROUTE_UNKNOWN', 'No such method of ETSI GS QKD 020')
    }
    const allow = route === 'versions' ? 'GET' : 'POST'
    if (request.method !== allow) {
      throw new KmeRefusal('KME_METHOD_WRONG', `Expected ${allow}`, { facts: { allow } })
    }
    if (route === 'versions') return answer(200, versionsText(desk))
    const body = bodyOf(request)
    switch (route) {
      case 'ext_keys':
        return await acknowledge(desk, partner, owe, await takeKeys(desk, partner, body))
      case 'void':
        return await acknowledge(desk, partner, owe, await voidKeys(desk, partner, body))
      case 'ack':
        hearAcks(desk, partner, readAcks(body))
        return answer(200, '')
    }
  } catch (error) {
    if (error instanceof AssertionFailure) throw error
    if (!(error instanceof KmeRefusal)) {
      const code = error instanceof Refusal ? (error as Refusal).code : 'INTERNAL'
      desk.log.write('error', 'kme.partner-request-failed', { code })
    }
    return problemOf(error)
  }
}

/** Counts what a partner says of keys that were sent to him; what nobody waits for changes nothing. */
export function hearAcks(desk: PartnerDesk, partner: Partner, acks: readonly Ack[]): void {
  for (const { keyIds, status, initiator, targets } of acks) {
    for (const keyId of keyIds) {
      const awaited = desk.awaited.get(keyId)
      if (awaited?.partner !== partner.name || awaited.initiator !== initiator) continue
      if (!targets.every((target) => awaited.targets.includes(target))) continue
      awaited.hear(status, targets)
    }
  }
}

/** What was done for a request, and where to say so. */
interface Done {
  readonly acks: readonly Ack[]
  readonly callback: string | undefined
}

/** The partner whose certificate it is. @throws KmeRefusal 401 */
function partnerOf({ partners }: PartnerDesk, client: ClientCertificate | undefined): Partner {
  const found = [...partners.values()].find(({ certificates }) =>
    certificates.includes(client?.fingerprint ?? ''),
  )
  if (found !== undefined) return found
  throw unauthorized('The client certificate is none that was agreed with a partner')
}

/** In the asynchronous mode durable first, then 202. */
async function acknowledge(
  { site, store, random, clock }: PartnerDesk,
  { name: partner }: Partner,
  owe: (ack: OwedAck) => void,
  { acks, callback }: Done,
): Promise<HttpResponse> {
  const body = acksText(acks)
  if (callback === undefined) return answer(200, body)
  const ack = { id: newUuid(random), partner, url: callback, body, at: clock.now() }
  await store.commit([insertAck(site, ack)])
  owe(ack)
  return answer(202, '')
}

async function takeKeys(desk: PartnerDesk, partner: Partner, body: Uint8Array): Promise<Done> {
  const transfer = readTransfer(body, { octetsMax: desk.limits.keyOctetsMax })
  try {
    checkCallback(desk, partner, transfer.callback)
    checkTransfer(desk, partner, transfer)
    const statuses = new Map<KeyId, AckStatus>()
    for (const keys of bySize(transfer.keys))
      await takeSome(desk, partner, { transfer, keys, statuses })
    return { acks: grouped(transfer, statuses), callback: transfer.callback }
  } finally {
    for (const { octets } of transfer.keys) octets[Symbol.dispose]()
  }
}

/** Everything that can be refused without having kept anything. @throws KmeRefusal */
function checkTransfer(desk: PartnerDesk, partner: Partner, transfer: Transfer): void {
  const { initiator, targets, mandatory, keys } = transfer
  if (!partner.saes.includes(initiator)) {
    throw unauthorized('The initiator is no SAE that was agreed with this partner')
  }
  if (!targets.every(desk.isOwn)) {
    const passback = targets.some((target) => partner.saes.includes(target))
    throw passback
      ? refusedAs(
          'key-routing-error',
          'invalid_routing',
          'A target is an SAE of the partner himself',
        )
      : refusedAs(
          'key-routing-error',
          'target_sae_id_not_recognized',
          'A target is no SAE of this KME',
        )
  }
  if (mandatory.size > 0) {
    const names = [...mandatory.keys()].slice(0, NAMES_MAX).join(', ')
    throw refusedAs(
      'unsupported-mandatory-extension',
      'unsupported_mandatory_extension',
      `Mandatory extensions that this KME does not implement: ${names}`,
      'KME_EXTENSION_UNSUPPORTED',
    )
  }
  const extra = keys.map(({ extension }) => extensionText(transfer, extension).length)
  if (Math.max(...extra) > EXTENSION_TEXT_MAX) {
    throw refusedAs(
      'invalid-parameter',
      'extension_optional',
      `Expected extensions of at most ${EXTENSION_TEXT_MAX} characters beside each key`,
    )
  }
  if (desk.keystore.depositedKeys(partner.name) + keys.length > desk.limits.keptMax) {
    throw new KmeRefusal('KME_KEYS_EXHAUSTED', 'Too many keys of this partner wait to be fetched')
  }
}

/** Takes keys of one size: those not heard of before, together. */
async function takeSome(
  desk: PartnerDesk,
  partner: Partner,
  about: {
    readonly transfer: Transfer
    readonly keys: readonly ExternalKey[]
    readonly statuses: Map<KeyId, AckStatus>
  },
): Promise<void> {
  const { site, keystore, clock, limits, log } = desk
  const { transfer, keys, statuses } = about
  const { initiator, targets } = transfer
  const fresh: ExternalKey[] = []
  for (const key of keys) {
    const known = await repeated(desk, partner, transfer, key)
    if (known === undefined) fresh.push(key)
    else statuses.set(key.keyId, known)
  }
  if (fresh.length === 0) return
  using octets = joined(fresh)
  const at = clock.now()
  const rows = fresh.map(({ keyId, extension }) => {
    const key = { keyId, partner: partner.name, direction: 'in', state: 'kept' } as const
    const beside = extensionText(transfer, extension)
    return insertKey(site, { ...key, initiator, targets, extension: beside }, at)
  })
  try {
    const outcome = await keystore.deposit({
      ...{ octets, slaves: targets, lifeMs: limits.lifeMs, beside: rows },
      ...{ peer: partner.name, master: initiator, keyIds: fresh.map(({ keyId }) => keyId) },
    })
    const status = outcome.kind === 'activated' ? 'relayed' : 'failed'
    for (const { keyId } of fresh) statuses.set(keyId, status)
  } catch (error) {
    if (!(error instanceof KeystoreRefusal)) throw error
    log.write('warning', 'kme.partner-keys-refused', { partner: partner.name, code: error.code })
    for (const { keyId } of fresh) statuses.set(keyId, 'failed')
  }
}

/** What to say of a key whose key_ID was heard of before; undefined for one that was not. */
async function repeated(
  desk: PartnerDesk,
  partner: Partner,
  sharing: Sharing,
  { keyId, octets }: ExternalKey,
): Promise<AckStatus | undefined> {
  const row = await readKey(desk, keyId)
  if (row === undefined) return undefined
  const mine = row.partner === partner.name && row.direction === 'in' && sameSharing(row, sharing)
  if (!mine || row.state !== 'kept') return 'failed'
  switch (await desk.keystore.depositState(keyId)) {
    case 'delivered':
      return 'relayed'
    case 'waiting': {
      const about = { peer: partner.name, master: row.initiator, slaves: row.targets }
      return (await desk.keystore.isDeposited({ ...about, keyId, octets })) ? 'relayed' : 'failed'
    }
    case 'over':
    case 'unknown':
      return 'failed'
  }
}

async function voidKeys(desk: PartnerDesk, partner: Partner, body: Uint8Array): Promise<Done> {
  const request = readVoid(body)
  checkCallback(desk, partner, request.callback)
  const { initiator, targets } = request
  const inward = partner.saes.includes(initiator) && targets.every(desk.isOwn)
  const outward = desk.isOwn(initiator) && targets.every((one) => partner.saes.includes(one))
  if (!inward && !outward)
    throw unauthorized('The SAEs are not those that share keys over this KME')
  const keyIds = request.keyIds.length > 0 ? request.keyIds : allBetween(desk, partner, request)
  const found = await Promise.all(keyIds.map((keyId) => readKey(desk, keyId)))
  const noted = keyIds.filter((_, at) => inward && isOpen(partner, request, found[at]))
  const unheard = noted.filter((keyId) => !found.some((row) => row?.keyId === keyId))
  await noteVoided(desk, partner, { sharing: request, noted, unheard: unheard.length })
  const statuses = new Map<KeyId, AckStatus>()
  for (const [at, keyId] of keyIds.entries()) {
    statuses.set(keyId, await voidOne(desk, partner, { sharing: request, keyId, row: found[at] }))
  }
  return { acks: grouped(request, statuses), callback: request.callback }
}

/** Keys between these SAEs that can still be voided. */
function allBetween(desk: PartnerDesk, { name }: Partner, sharing: Sharing): readonly KeyId[] {
  const waiting = desk.keystore.depositsBetween({
    ...{ peer: name, master: sharing.initiator, slaves: sharing.targets },
  })
  const sent = [...desk.awaited].filter(
    ([, awaited]) => awaited.partner === name && sameSharing(awaited, sharing),
  )
  return [...new Set([...waiting, ...sent.map(([keyId]) => keyId)])]
}

/** Whether a partner may have a tombstone for what is remembered of a key_ID. */
const isOpen = (partner: Partner, sharing: Sharing, row: PartnerKey | undefined): boolean =>
  row === undefined || (row.direction === 'in' && isOf(partner, sharing, row))

const isOf = (partner: Partner, sharing: Sharing, row: PartnerKey): boolean =>
  row.partner === partner.name && sameSharing(row, sharing)

/** Tombstones first: what comes late, or again, revives nothing. */
async function noteVoided(
  desk: PartnerDesk,
  partner: Partner,
  about: {
    readonly sharing: Sharing
    readonly noted: readonly KeyId[]
    /** How many of them nobody had heard of. */
    readonly unheard: number
  },
): Promise<void> {
  const { site, store, clock, audit, unheardLeft } = desk
  const { initiator, targets } = about.sharing
  if (about.noted.length === 0) return
  if (!unheardLeft(partner.name, about.unheard)) throw tooMany(WAIT_S)
  const { name: peer } = partner
  const at = clock.now()
  const rows = about.noted.map((keyId) => {
    const key = { keyId, partner: peer, direction: 'in', state: 'voided', extension: '' } as const
    return voidKey(site, { ...key, initiator, targets }, at)
  })
  const leaves = Array.from(
    { length: Math.ceil(about.noted.length / LEAF_KEYS_MAX) },
    (_, part) => {
      const keyIds = about.noted.slice(part * LEAF_KEYS_MAX, (part + 1) * LEAF_KEYS_MAX)
      const facts = { peer, keyIds, cause: 'voided by partner' }
      return audit.append({ kind: 'key.partner-voided', at, actor: peer, facts })
    },
  )
  await store.commit([...rows, ...leaves])
}

/** Voids one key that has its tombstone, or that was sent. */
async function voidOne(
  desk: PartnerDesk,
  partner: Partner,
  about: {
    readonly sharing: Sharing
    readonly keyId: KeyId
    /** As it was before. */
    readonly row: PartnerKey | undefined
  },
): Promise<AckStatus> {
  const { sharing, keyId, row } = about
  if (row === undefined || !isOf(partner, sharing, row)) return 'key not present'
  if (row.direction === 'out') {
    const awaited = desk.awaited.get(keyId)
    // What is awaited is not given to its master then. What is not may be in his hands already.
    if (row.state === 'kept' && awaited === undefined) return 'failed to void'
    awaited?.hear('failed', awaited.targets)
    return 'voided'
  }
  const state = await desk.keystore.withdrawDeposit(partner.name, keyId)
  if (state === 'over') return 'voided'
  // Of what is forgotten nobody can say that it was not delivered, unless it was voided before.
  return state === 'unknown' && row.state === 'voided' ? 'voided' : 'failed to void'
}

/** Acknowledgements go to the origin of the partner, whatever else he asks for. @throws KmeRefusal */
function checkCallback(
  { synchronous, mayOwe }: PartnerDesk,
  partner: Partner,
  callback: string | undefined,
): void {
  if (callback === undefined) {
    if (synchronous) return
    throw refusedAs(
      'missing-parameters',
      'missing_parameters',
      'Expected ack_callback_url: this KME has no synchronous mode',
    )
  }
  const url = URL.parse(callback)
  const isPlain = url?.username === '' && url.password === '' && url.hash === ''
  if (url === null || !isPlain || url.origin !== new URL(partner.url).origin) {
    throw unauthorized('The ack_callback_url does not lie on the origin agreed with this partner')
  }
  if (!mayOwe(partner.name)) throw tooMany(WAIT_S)
}

/** The body of a POST. @throws KmeRefusal */
function bodyOf({ body, contentType }: HttpRequest): Uint8Array {
  if (body.length > PARTNER_BODY_OCTETS_MAX) {
    throw new KmeRefusal(
      'KME_BODY_TOO_LARGE',
      `Expected a body of at most ${PARTNER_BODY_OCTETS_MAX} octets`,
    )
  }
  if (JSON_TYPE.test(contentType ?? '')) return body
  throw new KmeRefusal('KME_MEDIA_TYPE_WRONG', 'Expected a body of type application/json')
}

const grouped = (
  { initiator, targets }: Sharing,
  statuses: ReadonlyMap<KeyId, AckStatus>,
): readonly Ack[] =>
  [...Map.groupBy(statuses, ([, status]) => status)].map(([status, some]) => ({
    ...{ initiator, targets, status },
    keyIds: some.map(([keyId]) => keyId),
  }))

const bySize = (keys: readonly ExternalKey[]): readonly (readonly ExternalKey[])[] => [
  ...Map.groupBy(keys, ({ octets }) => octets.length).values(),
]

function joined(keys: readonly ExternalKey[]): SecretBytes {
  const all = new Uint8Array(keys.reduce((sum, { octets }) => sum + octets.length, 0))
  let at = 0
  for (const { octets } of keys) {
    all.set(octets.reveal(), at)
    at += octets.length
  }
  return SecretBytes.take(all)
}

/** What goes to the target beside a key: extensions of all keys and of this one, unchanged. */
function extensionText({ optional }: Transfer, extension: ExternalKey['extension']): string {
  const both = new Map([...optional, ...(extension ?? [])])
  return both.size === 0 ? '' : jsonText(both)
}

const versionsText = ({ synchronous }: PartnerDesk): string =>
  JSON.stringify({ versions: ['v1'], capabilities: synchronous ? ['synchronous_mode'] : [] })

const tooMany = (waitS: number): KmeRefusal =>
  new KmeRefusal('KME_RATE_LIMITED', 'Too many requests of this partner', {
    facts: { retryAfter: Math.max(1, Math.ceil(waitS)) },
  })

const answer = (status: number, body: string): HttpResponse => ({
  status,
  headers: { 'cache-control': 'no-store', ...(body === '' ? {} : { 'content-type': JSON_UTF8 }) },
  body,
})

const ROUTES: ReadonlyMap<string, 'versions' | 'ext_keys' | 'ack' | 'void'> = new Map([
  ['/kmapi/versions', 'versions'],
  ['/kmapi/v1/ext_keys', 'ext_keys'],
  ['/kmapi/v1/ext_keys/ack', 'ack'],
  ['/kmapi/v1/ext_keys/void', 'void'],
])
/** Octets of a request or answer: 1,024 key_ids with some extensions, or 128 keys. */
export const PARTNER_BODY_OCTETS_MAX = 262_144
const JSON_UTF8 = 'application/json; charset=utf-8'
const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i
/** Key_IDs in one audit leaf. */
const LEAF_KEYS_MAX = 128
/** Seconds after which a partner who had too much in hand may try again. */
const WAIT_S = 60
/** Characters of extensions that are kept beside a key. */
const EXTENSION_TEXT_MAX = 4096
/** Extensions that one refusal names. */
const NAMES_MAX = 8
