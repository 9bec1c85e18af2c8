/**
 * One entry of the log, and its proof: computed in this browser from the signed checkpoint.
 *
 * @module
 */

import { Anchor, Button, Code, Group, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { checkProof } from '#contract/proof'
import { readNote } from '#contract/proof-note'
import { ApiRefusal, ask } from '../api.ts'
import { grouped, timeOf } from '../format.ts'
import { compareHead, type Continuity } from '../last-head.ts'
import { useParameter } from '../parts/address.ts'
import { Answer } from '../parts/answer.tsx'
import { Facts } from '../parts/facts.tsx'
import { Page } from '../parts/page.tsx'
import { ProofFindings } from '../parts/proof-check.tsx'
import { browserPowers } from '../proof-powers.ts'
import { filled, texts } from '../texts.ts'
import { proofTexts } from '../texts-proofs.ts'

const words = proofTexts.proof

export function Entry(): ReactNode {
  const index = useParameter('index')
  const entry = useQuery({
    queryKey: ['entry', index],
    queryFn: () => ask('entries', { after: String(Number(index) - 1), limit: '1' }, null, true),
  })
  return (
    <Page
      title={filled(words.title, { index })}
      below={words.below}
      command={`photonward audit prove ${index}`}
    >
      <Answer to={entry}>
        {([one]) => (
          <Facts
            of={[
              [proofTexts.audit.at, timeOf(one.at)],
              [proofTexts.audit.kind, one.kind],
              [proofTexts.audit.actor, one.actor],
              ...Object.entries(one.facts).map(([name, value]): [string, string] => [
                name,
                String(value),
              ]),
            ]}
          />
        )}
      </Answer>
      <Proven index={index} />
    </Page>
  )
}

function Proven({ index }: { readonly index: string }) {
  const proof = useQuery({ queryKey: ['proof', index], queryFn: () => provenHere(index) })
  const isPending = proof.error instanceof ApiRefusal && proof.error.code === 'RECEIPT_PENDING'
  return (
    <section>
      <Title order={2} size="h4">
        {words.computed}
      </Title>
      {isPending ? (
        <Group>
          <Text>{words.pending}</Text>
          <Button variant="default" size="xs" onClick={() => void proof.refetch()}>
            {texts.retry}
          </Button>
        </Group>
      ) : (
        <Answer to={proof}>
          {({ text, check, continuity }) => (
            <Stack gap="sm">
              <ProofFindings check={check} />
              {continuity !== undefined && <Continued continuity={continuity} />}
              <Text c="dimmed">{words.claims}</Text>
              <Group>
                <Anchor href={fileOf(text)} download={`entry-${index}.proof.json`}>
                  {words.download}
                </Anchor>
                <Anchor href="/verify.html" download="verify.html">
                  {words.offline}
                </Anchor>
              </Group>
              <details>
                <summary>{words.whole}</summary>
                <Code block>{text}</Code>
              </details>
            </Stack>
          )}
        </Answer>
      )}
    </section>
  )
}

/** Whether the log is the one that this browser saw before. */
function Continued({ continuity }: { readonly continuity: Continuity }) {
  if (continuity.kind === 'first') return <Text>○ {words.first}</Text>
  const sizes = { from: grouped(continuity.from), to: grouped(continuity.to) }
  return continuity.kind === 'continued' ? (
    <Text>✓ {filled(words.continued, sizes)}</Text>
  ) : (
    <Text fw={600} role="alert">
      ✗ {filled(words.broken, sizes)}
    </Text>
  )
}

/** Fetches a proof and checks it here; the daemon's word counts for nothing in it. */
async function provenHere(index: string) {
  const { proof: text } = await ask('proof', { index }, null, true)
  const check = await checkProof(text, browserPowers)
  const { receipt } = JSON.parse(text) as { receipt: string }
  const note = readNote(receipt.slice(receipt.indexOf('\n\n') + 2))
  const isSigned = check.findings.every(({ good }) => good)
  const continuity =
    isSigned && note !== undefined ? await compareHead(note.origin, note.tree) : undefined
  return { text, check, continuity }
}

const fileOf = (text: string): string =>
  `data:application/json;charset=utf-8,${encodeURIComponent(text)}`
