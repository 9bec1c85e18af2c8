import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concat } from '#base'
import { CONTROL_OCTETS_MAX, type Frame, frameHead, FrameReader, FrameTooLarge } from './frames.ts'

const wire = ({ kind, octets }: Frame): Uint8Array => concat(frameHead(kind, octets.length), octets)

function cut(stream: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  let at = 0
  for (let nth = 0; at < stream.length; nth++) {
    const size = sizes.length === 0 ? stream.length : 1 + sizes[nth % sizes.length]
    chunks.push(stream.slice(at, at + size))
    at += size
  }
  return chunks
}

const frame = fc
  .tuple(fc.constantFrom('message' as const, 'control' as const), fc.uint8Array({ maxLength: 300 }))
  .map(([kind, octets]): Frame => ({ kind, octets }))

test('frames come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 8 }),
      fc.array(fc.nat(50), { maxLength: 5 }),
      (frames, sizes) => {
        const reader = new FrameReader(300)
        const seen: Frame[] = []
        for (const chunk of cut(concat(...frames.map(wire)), sizes)) {
          reader.push(chunk, (one) => seen.push(one))
        }
        assert.deepEqual(seen, frames)
      },
    ),
  )
})

test('a long frame over many chunks is one message of its own memory', () => {
  const octets = new Uint8Array(1_000_000).map((_, at) => at % 253)
  const reader = new FrameReader(octets.length)
  const seen: Frame[] = []
  const chunks = cut(wire({ kind: 'message', octets }), [16_383])
  for (const chunk of chunks) reader.push(chunk, (one) => seen.push(one))
  for (const chunk of chunks) chunk.fill(0)
  assert.equal(seen.length, 1)
  assert.deepEqual(seen[0].octets, octets)
})

test('a small message does not keep its chunk alive', () => {
  const chunk = concat(
    wire({ kind: 'message', octets: Uint8Array.of(1, 2) }),
    Uint8Array.of(0, 0, 0),
  )
  let seen: Uint8Array | undefined
  new FrameReader(100).push(chunk, ({ octets }) => (seen = octets))
  assert.equal(seen?.buffer.byteLength, 2)
})

test('a frame of the greatest length is taken; one octet more is refused before it has come', () => {
  for (const [kind, most] of [
    ['message', 1000],
    ['control', CONTROL_OCTETS_MAX],
  ] as const) {
    const seen: Frame[] = []
    new FrameReader(1000).push(wire({ kind, octets: new Uint8Array(most) }), (one) =>
      seen.push(one),
    )
    assert.equal(seen.length, 1)
    const head = frameHead(kind, most + 1)
    assert.throws(() => new FrameReader(1000).push(head, () => assert.fail()), FrameTooLarge)
  }
  const endless = Uint8Array.of(0x7f, 0xff, 0xff, 0xff)
  assert.throws(() => new FrameReader(1000).push(endless, () => assert.fail()), FrameTooLarge)
})
