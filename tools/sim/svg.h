/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What gnuplot draws, made fit to stand inside a page of HTML beside other drawings. */
#ifndef LOADWISE_SIM_SVG_H
#define LOADWISE_SIM_SVG_H

/* Text of this colour takes the colour of the page's text: nothing else may have it. */
#define SVG_INK "#123456"

/* The drawing without names (they would be the same in every chart), without addresses, definitions and groups that
   nothing needs, and with a label for those who cannot see it. To be freed; NULL when memory ran out or it is no SVG.
 */
char *svg_embed(const char *drawing, const char *label);

#endif
