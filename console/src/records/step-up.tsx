/**
 * What asks for a second factor: the code is shown, and the act is tried again.
 *
 * @module
 */

import { Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type SubmitEvent } from 'react'
import { ApiRefusal, showFactor } from '../api.ts'
import { Refused } from '../parts/answer.tsx'
import { recordTexts } from '../texts-records.ts'

const words = recordTexts.stepUp

/** Why something was refused; where a second factor is missing, a form to show it. */
export function RefusedOrStepUp(about: {
  readonly error: Error | null
  /** Tries again. */
  readonly onShown: () => void
}) {
  const { error, onShown } = about
  const show = useMutation({
    mutationFn: showFactor,
    onSuccess: onShown,
  })
  if (error === null) return null
  if (!wantsSecondFactor(error)) return <Refused error={error} />
  const enter = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault()
    event.stopPropagation()
    const code = new FormData(event.currentTarget).get('code')
    if (typeof code === 'string') show.mutate(code.trim())
  }
  return (
    <form onSubmit={enter} autoComplete="off">
      <Stack gap="xs">
        <Text role="status">{words.why}</Text>
        <Group align="flex-end">
          <TextInput
            {...{ name: 'code', label: words.code, inputMode: 'numeric', required: true }}
            autoComplete="one-time-code"
            data-autofocus
          />
          <Button type="submit" loading={show.isPending}>
            {words.show}
          </Button>
        </Group>
        {show.error !== null && <Refused error={show.error} />}
      </Stack>
    </form>
  )
}

/** Whether a refusal is over once a second factor is shown. */
const wantsSecondFactor = (error: Error): boolean =>
  error instanceof ApiRefusal &&
  (error.code === 'ACCESS_SECOND_FACTOR_DENIED' || /step-up|second-factor/.test(error.message))
