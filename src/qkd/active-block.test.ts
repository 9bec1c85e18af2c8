import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countTag, type ActiveBlock } from './active-block.ts'
import { newTranscript } from './authentication.ts'

test('a transcript is let go with the tags of both ends, and no other with it', () => {
  const said = () => {
    const transcript = newTranscript()
    transcript.transmitter.push(Uint8Array.of(1))
    transcript.receiver.push(Uint8Array.of(2), Uint8Array.of(3))
    return transcript
  }
  const block: Pick<ActiveBlock, 'tags' | 'transcripts'> = {
    tags: new Map(),
    transcripts: {
      sifting: said(),
      reconciliation: said(),
      estimation: said(),
      amplification: said(),
    },
  }
  countTag(block, 'sifting')
  countTag(block, 'reconciliation')
  assert.deepEqual(block.transcripts.sifting, said())
  countTag(block, 'sifting')
  assert.deepEqual(block.transcripts.sifting, newTranscript())
  for (const phase of ['reconciliation', 'estimation', 'amplification'] as const) {
    assert.deepEqual(block.transcripts[phase], said())
  }
})
