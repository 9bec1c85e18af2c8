/**
 * Calls of GS QKD 004 as applications make them, octet by octet, for the tests of this room.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { hex, textOf, uint32, utf8, uuidOctets, uuidOf, type SaeId, type Uuid } from '#base'
import type { KmeOptions } from '#kme'
import { SERVICE, STREAM_STATUS as IS } from './etsi-004.ts'
import { archive, certificate, Pair, ward, type Site } from './two-kmes.test.ts'

export const NO_NAME = '00000000-0000-0000-0000-000000000000'
/** Names that bristol keeps, and cambridge: by their last bit. */
export const OF_BRISTOL = uuidOf(new Uint8Array(16).fill(2))
export const OF_CAMBRIDGE = uuidOf(new Uint8Array(16).fill(3))

export interface Wish {
  chunk?: number
  max?: number
  min?: number
  timeout?: number
  life?: number
  type?: string
}

const qosOctets = (wish: Wish): Uint8Array[] => {
  const { chunk = 32, max = 0, min = 0, timeout = 0, life = 60, type = 'application/json' } = wish
  const mimetype = new Uint8Array(256)
  mimetype.set(utf8(type))
  return [...[chunk, max, min, 10, 1, timeout, life].map(uint32), mimetype]
}

async function frame(
  { kme }: Pick<Site, 'kme'>,
  sae: SaeId | undefined,
  service: number,
  parts: readonly Uint8Array[],
): Promise<DataView> {
  const body = Uint8Array.from(parts.flatMap((part) => [...part]))
  const answer = await kme.stream({ service, body, client: certificate(sae) })
  assert.equal(answer.service, service + 1)
  return new DataView(answer.body.buffer, answer.body.byteOffset, answer.body.length)
}

export interface Opened {
  status: number
  chunk: number
  max: number
  min: number
  timeout: number
  life: number
  type: string
  name: Uuid
}

export async function open(
  site: Pick<Site, 'kme'>,
  [sae, other]: readonly [SaeId, string],
  { name = NO_NAME, from = `app://${sae}`, ...wish }: Wish & { name?: string; from?: string } = {},
): Promise<Opened> {
  const uris = [utf8(`${from}\0`), utf8(`app://${other}\0`)]
  const view = await frame(site, sae, SERVICE.open, [...uris, ...qosOctets(wish), uuidOctets(name)])
  assert.equal(view.byteLength, 4 + 28 + 256 + 16)
  const [status, chunk, max, min, , , timeout, life] = Array.from({ length: 8 }, (_, at) =>
    view.getUint32(at * 4),
  )
  const octets = new Uint8Array(view.buffer, view.byteOffset)
  const type = textOf(octets.subarray(32, 288)).replaceAll('\0', '')
  return { status, chunk, max, min, timeout, life, type, name: uuidOf(octets.slice(288)) }
}

export interface Got {
  status: number
  key: string
  metadata: string
  metadataOctets: number
}

export async function get(
  site: Pick<Site, 'kme'>,
  sae: SaeId,
  { name, index, room = 1024 }: { name: string; index: number; room?: number },
): Promise<Got> {
  const parts = [uuidOctets(name), uint32(index), uint32(room)]
  const view = await frame(site, sae, SERVICE.get, parts)
  const octets = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  assert.equal(view.getUint32(4), index)
  const end = 12 + view.getUint32(8)
  const metadataOctets = view.getUint32(end)
  const metadata = textOf(octets.subarray(end + 4))
  return { status: view.getUint32(0), key: hex(octets.subarray(12, end)), metadata, metadataOctets }
}

export const close = async (site: Pick<Site, 'kme'>, sae: SaeId, name: string): Promise<number> =>
  (await frame(site, sae, SERVICE.close, [uuidOctets(name)])).getUint32(0)

export async function pair(kme: Partial<KmeOptions> = {}, keys = 64): Promise<Pair> {
  const two = await new Pair().open({ kme })
  await two.grow(keys)
  return two
}

/** A stream of archive at bristol and ward at cambridge, open at both ends. */
export async function stream(two: Pair, wish: Wish & { name?: string } = {}): Promise<string> {
  const first = await open(two.a, [archive, ward], wish)
  assert.equal(first.status, IS.peerNotConnected)
  const second = await open(two.b, [ward, archive], { ...wish, name: first.name })
  assert.equal(second.status, IS.success)
  return first.name
}
