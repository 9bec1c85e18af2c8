/**
 * Proofs that something stood in a site's log: read and checked anywhere, without any site.
 *
 * A proof is one JSON file: the entry with its path to a signed, witnessed checkpoint (a receipt of
 * C2SP tlog-proof), and what the entry binds: the event, in two parts with a salt each. The part
 * that names a patient may be left out; the other then still proves that there was such an access,
 * when and by whom. Its format is `spec/proof.md`.
 *
 * A proof shows that the site said so by then and that its witnesses saw it; not that it is true,
 * nor that nothing else was said. Keys in the file are the site's own claim: whoever checks
 * compares them with keys that he has from elsewhere.
 *
 * Stands alone, like `proof-tree`; the console runs it in the browser and offline.
 *
 * @see C2SP tlog-proof v1
 * @module
 */

import { readEntry, type ProofEntry } from './proof-leaf.ts'
import {
  logSignature,
  readNote,
  readNoteKey,
  witnessSignature,
  type NoteKey,
  type ProofNote,
  type SignatureState,
} from './proof-note.ts'
import { isIncluded, isSame, joined, octetsOfBase64, type ProofPowers } from './proof-tree.ts'

/** A proof as it is written: see `spec/proof.md`. */
export interface ProofFile {
  readonly format: typeof PROOF_FORMAT
  /** The entry, its place, its path and the checkpoint: one text of tlog-proof. */
  readonly receipt: string
  /** What the entry binds, where it binds anything. */
  readonly event?: {
    readonly general: OpenedPart
    /** Left out, or kept back: then its commitment alone. */
    readonly particular: OpenedPart | { readonly commitment: string }
  }
  /** Verifier keys of the log and of its witnesses, as the site knows them. */
  readonly keys: readonly string[]
}

/** A part of an event, and the salt of its commitment in base64. */
export interface OpenedPart {
  readonly text: string
  readonly salt: string
}

/** What a check consists of, in the order in which it is done. */
export type ProofStep =
  'form' | 'keys' | 'event' | 'inclusion' | 'checkpoint' | 'witnesses' | 'time'

/** One step of a check. */
export interface ProofFinding {
  readonly step: ProofStep
  readonly good: boolean
  /** What was found, for a person. */
  readonly text: string
}

/** A witness that the proof names. */
export interface ProofWitness {
  readonly name: string
  readonly state: SignatureState
  readonly seconds: number | undefined
}

/** What a check found. */
export interface ProofCheck {
  /** Whether every step is good and every signature was checked. */
  readonly verified: boolean
  readonly findings: readonly ProofFinding[]
  /** Signers of whose two signatures this machine can check only one; the other is missing to it. */
  readonly unchecked: readonly string[]
  readonly entry: ProofEntry | undefined
  readonly index: number | undefined
  readonly origin: string | undefined
  readonly size: number | undefined
  /** The event, put together; without its entities if they were kept back. */
  readonly event: Readonly<Record<string, unknown>> | undefined
  readonly witnesses: readonly ProofWitness[]
}

/** What whoever checks knows beforehand. */
export interface ProofTrust {
  /** Verifier keys that he has from elsewhere; left out, those in the file are believed. */
  readonly keys?: readonly string[]
  /** How many witnesses must have cosigned; 1 unless said, 0 for a site without any. */
  readonly witnessesLeast?: number
}

/** Checks a proof. Never rejects for what the text says. */
export async function checkProof(
  text: string,
  powers: ProofPowers,
  trust: ProofTrust = {},
): Promise<ProofCheck> {
  const file = readProof(text)
  const receipt = file && readReceipt(file.receipt)
  if (file === undefined || receipt === undefined) return refused('The file is not a proof')
  const { leaf, entry, index, path, note } = receipt
  const findings: ProofFinding[] = [
    { step: 'form', good: true, text: `Entry ${index} of ${note.origin}` },
  ]
  const keys = await keysFor(powers, file.keys, trust.keys)
  findings.push(keys.finding)
  const opened = await openedEvent(powers, file, entry)
  findings.push(...opened.findings)
  const isIn = await isIncluded(powers, { octets: leaf, index }, note.tree, path)
  findings.push(inclusionFinding(isIn, index, note))
  const log = await logSignature(powers, note, keys.keys)
  findings.push({ step: 'checkpoint', good: isSigned(log.state), text: TOLD.log[log.state] })
  const witnesses = await witnessesOf(powers, note, keys.keys)
  findings.push(witnessFinding(witnesses, trust.witnessesLeast ?? 1))
  const signers = [{ name: note.origin, ...log }, ...witnesses]
  const half = signers.filter(({ state }) => state === 'half-checked')
  const unchecked = half.map(({ name }) => name)
  const verified = findings.every(({ good }) => good) && unchecked.length === 0
  const { origin, tree } = note
  const { event } = opened
  return {
    ...{ verified, findings, unchecked, entry, index, origin, witnesses, event },
    size: tree.size,
  }
}

/** A proof of its text; undefined for any other. */
export function readProof(text: string): ProofFile | undefined {
  if (text.length > PROOF_CHARACTERS_MAX) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value) || value['format'] !== PROOF_FORMAT) return undefined
  const { receipt, event, keys } = value
  if (typeof receipt !== 'string' || !Array.isArray(keys) || keys.length > KEYS_MAX)
    return undefined
  if (!keys.every((key) => typeof key === 'string')) return undefined
  const file = { format: PROOF_FORMAT, receipt, keys } as const
  if (event === undefined) return file
  if (!isObject(event)) return undefined
  const { general, particular } = event
  if (!isPart(general)) return undefined
  if (isPart(particular)) return { ...file, event: { general, particular } }
  if (!isObject(particular) || typeof particular['commitment'] !== 'string') return undefined
  return { ...file, event: { general, particular: { commitment: particular['commitment'] } } }
}

/**
 * What an entry says of an event: HMAC-SHA-256 over the commitment of the particular part and the
 * general part's text, under the general part's salt.
 */
export async function commitmentOf(
  powers: Pick<ProofPowers, 'hash'>,
  general: { readonly text: string; readonly salt: Uint8Array },
  particular: Uint8Array,
): Promise<Uint8Array> {
  const text = new TextEncoder().encode(general.text)
  return await hmac(powers, general.salt, joined(particular, text))
}

async function openedEvent(powers: ProofPowers, file: ProofFile, entry: ProofEntry) {
  if (file.event === undefined) {
    const text = 'The proof opens no event: the entry itself is what is proven'
    return { findings: [{ step: 'event', good: true, text } as const], event: undefined }
  }
  const { general, particular } = file.event
  const salt = octetsOfBase64(general.salt)
  const inner = await particularCommitment(powers, particular)
  const isBound =
    salt?.length === 32 &&
    inner?.length === 32 &&
    entry.commitment !== undefined &&
    isSame(await commitmentOf(powers, { text: general.text, salt }, inner), entry.commitment)
  const event = eventOf(general.text, 'text' in particular ? particular.text : undefined)
  const isWhole = 'text' in particular
  const told = isWhole ? 'The event is the one that the entry binds' : 'Kept back: whom and what'
  const text = isBound ? told : 'The event is not the one that the entry binds'
  const findings: ProofFinding[] = [{ step: 'event', good: isBound && event !== undefined, text }]
  const recorded = event?.['recorded']
  const isTimely = typeof recorded === 'string' && timeOf(recorded) === entry.at
  const when = isTimely ? `Recorded ${recorded}` : 'The event and its entry have different times'
  findings.push({ step: 'time', good: isTimely, text: when })
  return { findings, event: isBound ? event : undefined }
}

async function particularCommitment(
  powers: ProofPowers,
  particular: OpenedPart | { readonly commitment: string },
): Promise<Uint8Array | undefined> {
  if (!('text' in particular)) return octetsOfBase64(particular.commitment)
  const salt = octetsOfBase64(particular.salt)
  if (salt?.length !== 32) return undefined
  return await hmac(powers, salt, new TextEncoder().encode(particular.text))
}

function eventOf(general: string, entities: string | undefined) {
  try {
    const event: unknown = JSON.parse(general)
    const entity: unknown = entities === undefined ? undefined : JSON.parse(entities)
    if (!isObject(event)) return undefined
    return Array.isArray(entity) && entity.length > 0 ? { ...event, entity } : event
  } catch {
    return undefined
  }
}

/** Keys that count: those that are trusted, or where none are named, those of the file. */
async function keysFor(powers: ProofPowers, own: readonly string[], trusted?: readonly string[]) {
  const texts = trusted === undefined ? own : own.filter((key) => trusted.includes(key))
  const read = await Promise.all(texts.map((text) => readNoteKey(powers, text)))
  const keys = read.filter((key): key is NoteKey => key !== undefined)
  const good = keys.length === texts.length && keys.length > 0
  const text =
    trusted === undefined
      ? 'Keys as the file gives them: compare them with keys that you have from elsewhere'
      : `${keys.length} of ${own.length} keys in the file are among those you trust`
  return { keys, finding: { step: 'keys', good, text } as const }
}

async function witnessesOf(
  powers: ProofPowers,
  note: ProofNote,
  keys: readonly NoteKey[],
): Promise<readonly ProofWitness[]> {
  const names = new Set(keys.filter(({ type }) => type === 4).map(({ name }) => name))
  const witnesses: ProofWitness[] = []
  for (const name of names) {
    const check = await witnessSignature(powers, note, keys, name)
    if (check.state !== 'absent') witnesses.push({ name, ...check })
  }
  return witnesses
}

function witnessFinding(witnesses: readonly ProofWitness[], least: number): ProofFinding {
  const good = witnesses.filter(({ state }) => isSigned(state))
  const bad = witnesses.filter(({ state }) => !isSigned(state))
  const text =
    bad.length > 0
      ? `The cosignature of ${bad[0].name} is wrong`
      : good.length === 0
        ? 'No witness has cosigned'
        : `Cosigned by ${good.map(({ name }) => name).join(', ')}`
  return { step: 'witnesses', good: bad.length === 0 && good.length >= least, text }
}

const inclusionFinding = (good: boolean, index: number, { tree }: ProofNote): ProofFinding => ({
  step: 'inclusion',
  good,
  text: good
    ? `Entry ${index} leads to the root of ${tree.size} entries`
    : `Entry ${index} does not lead to the signed root of ${tree.size} entries`,
})

/** A receipt taken apart; nothing of it checked. */
function readReceipt(receipt: string) {
  const split = receipt.indexOf('\n\n')
  const [header, extra = '', place = '', ...hashes] = receipt
    .slice(0, Math.max(split, 0))
    .split('\n')
  if (header !== 'c2sp.org/tlog-proof@v1') return undefined
  const leaf = octetsOfBase64(/^extra (\S+)$/.exec(extra)?.[1] ?? '')
  const index = /^index (0|[1-9][0-9]{0,15})$/.exec(place)?.[1]
  const path = hashes.map(octetsOfBase64)
  const note = readNote(receipt.slice(split + 2))
  const entry = leaf && readEntry(leaf)
  if (leaf === undefined || entry === undefined || index === undefined || note === undefined) {
    return undefined
  }
  const whole = path.filter((hash) => hash !== undefined)
  return whole.length === path.length
    ? { leaf, entry, index: Number(index), path: whole, note }
    : undefined
}

/** Milliseconds since 1970 of a time in UTC as our events write it; NaN for any other text. */
function timeOf(text: string): number {
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z$/.exec(text)
  if (parts === null) return NaN
  const [year, month, day, hours, minutes, seconds, ms] = parts.slice(1).map(Number)
  // Days by the civil calendar, whose years begin in March here.
  const y = month < 3 ? year - 1 : year
  const inYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const leaps = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400)
  const days = y * 365 + leaps + inYear - DAYS_TO_1970
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + ms
}

/** HMAC-SHA-256 under a key of 32 octets. */
async function hmac({ hash }: Pick<ProofPowers, 'hash'>, key: Uint8Array, octets: Uint8Array) {
  const block = new Uint8Array(64)
  block.set(key)
  const inner = await hash(
    joined(
      block.map((octet) => octet ^ 0x36),
      octets,
    ),
  )
  return await hash(
    joined(
      block.map((octet) => octet ^ 0x5c),
      inner,
    ),
  )
}

const refused = (text: string): ProofCheck => ({
  ...{ verified: false, findings: [{ step: 'form', good: false, text }] },
  ...{ unchecked: [], witnesses: [] },
  ...{ entry: undefined, index: undefined, origin: undefined, size: undefined, event: undefined },
})

const isSigned = (state: SignatureState): boolean => state === 'good' || state === 'half-checked'
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isPart = (value: unknown): value is OpenedPart =>
  isObject(value) && typeof value['text'] === 'string' && typeof value['salt'] === 'string'

/** Name of the format, and its version. */
export const PROOF_FORMAT = 'photonward-proof@v1'
/** Characters of one proof. */
export const PROOF_CHARACTERS_MAX = 600_000
const KEYS_MAX = 256
/** From 1 March of the year 0. */
const DAYS_TO_1970 = 719_468
const TOLD = {
  log: {
    good: 'The checkpoint is signed by its log, with both keys',
    'half-checked':
      'The checkpoint is signed by its log, with the one key that can be checked here',
    bad: 'The checkpoint is not signed by its log',
    absent: 'The checkpoint carries no signature of its log',
  },
} as const satisfies { log: Record<SignatureState, string> }
