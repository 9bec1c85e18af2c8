/**
 * Breaking the glass: for an emergency, over one patient, with a reason that somebody else will read.
 *
 * @module
 */

import { Button, NativeSelect, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState, type SubmitEvent } from 'react'
import { askFhir } from '../api.ts'
import { recordTexts } from '../texts-records.ts'
import { NHS_NUMBER } from './fhir.ts'
import { EMERGENCY, grantsIn } from './grants.ts'
import { handleFor } from './handles.ts'
import { RefusedOrStepUp } from './step-up.tsx'

const words = recordTexts.glass

const REASONS = Object.keys(words.reasons)

interface Wish {
  readonly nhs: string
  readonly reason: string
  readonly text: string
}

export function GlassForm() {
  const [wish, setWish] = useState<Wish>({ nhs: '', reason: REASONS[0], text: '' })
  const navigate = useNavigate()
  const client = useQueryClient()
  const breaking = useMutation({
    mutationFn: breakGlass,
    onSuccess: async (grants) => {
      await client.invalidateQueries({ queryKey: ['grants'] })
      const [, id = ''] = (grants[0]?.patient ?? '').split('/')
      await navigate({ to: '/records/$record', params: { record: handleFor(id) } })
    },
  })
  const enter = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault()
    breaking.mutate(wish)
  }
  return (
    <Stack gap="sm" maw={560}>
      <Text>{words.how}</Text>
      <form onSubmit={enter} autoComplete="off">
        <Stack gap="sm">
          <TextInput
            {...{ label: words.nhs, inputMode: 'numeric', required: true }}
            pattern="[0-9 ]{10,12}"
            value={wish.nhs}
            onChange={({ currentTarget: { value } }) => setWish({ ...wish, nhs: value })}
          />
          <NativeSelect
            label={words.reason}
            data={REASONS.map((value) => ({ value, label: words.reasons[value] }))}
            value={wish.reason}
            onChange={({ currentTarget: { value } }) => setWish({ ...wish, reason: value })}
          />
          <Textarea
            {...{ label: words.text, description: words.textHow, required: true }}
            {...{ minLength: 10, maxLength: 500, autosize: true, minRows: 2 }}
            value={wish.text}
            onChange={({ currentTarget: { value } }) => setWish({ ...wish, text: value })}
          />
          <Button type="submit" color="red.9" w="fit-content" loading={breaking.isPending}>
            {words.open}
          </Button>
        </Stack>
      </form>
      <RefusedOrStepUp error={breaking.error} onShown={() => breaking.mutate(wish)} />
    </Stack>
  )
}

async function breakGlass({ nhs, reason, text }: Wish) {
  const parameter = [
    { name: 'identifier', valueString: `${NHS_NUMBER}|${nhs.replaceAll(' ', '')}` },
    { name: 'reason', valueCode: reason },
    { name: 'text', valueString: text },
  ]
  const resource = { resourceType: 'Parameters', parameter }
  return grantsIn(
    await askFhir({ method: 'POST', url: 'Patient/$break-glass', resource }, EMERGENCY),
  )
}
