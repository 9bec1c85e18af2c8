/**
 * What this browser has found about a proof, step by step, by computing it itself.
 *
 * @module
 */

import { List, Stack, Text } from '@mantine/core'
import type { ProofCheck } from '#contract/proof'
import { verdictOf } from '../proof-verdict.ts'
import { proofTexts } from '../texts-proofs.ts'

const words = proofTexts.proof

export function ProofFindings({ check }: { readonly check: ProofCheck }) {
  return (
    <Stack gap="xs">
      <Text fw={600} role="status">
        {verdictOf(check)}
      </Text>
      <List size="sm" listStyleType="none" aria-label={words.steps}>
        {check.findings.map(({ step, good, text }) => (
          <List.Item key={step}>
            {good ? '✓' : '✗'} <b>{words.step[step]}</b> {text}
          </List.Item>
        ))}
      </List>
    </Stack>
  )
}
