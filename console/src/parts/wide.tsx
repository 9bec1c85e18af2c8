/**
 * A table that may be wider than the screen: it is scrolled by itself, by keys as well.
 *
 * @module
 */

import { Table } from '@mantine/core'
import { memo, type ReactNode } from 'react'

export const Wide = ({
  least,
  children,
}: {
  readonly least: number
  readonly children: ReactNode
}) => (
  <Table.ScrollContainer minWidth={least} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
    <Table highlightOnHover>{children}</Table>
  </Table.ScrollContainer>
)

/** A cell with a figure: digits of one width, on the right, so that rows compare. */
export const Figure = memo(({ children }: { readonly children: ReactNode }) => (
  <Table.Td ta="right" className="figure">
    {children}
  </Table.Td>
))
Figure.displayName = 'Figure'
