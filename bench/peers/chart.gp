# SPDX-License-Identifier: MIT OR Apache-2.0
# The picks of one thread over 128 nodes: gnuplot -e "folder='build/peers'" chart.gp. Each line of picks.dat has the
# number of the case, ns, the case and the row.
set terminal svg size 900,640 font 'sans-serif,12' background '#ffffff'
set output folder . '/peers.svg'
set logscale x
set format x '%g'
set xlabel 'ns per pick, one thread, 128 nodes (less is better)'
set xrange [0.3:*]
set yrange [*:*] reverse
set offsets 0, 0, 0.6, 0.6
set grid xtics lc rgb '#dddddd'
set ytics nomirror scale 0
set border 1
set key outside top center horizontal reverse Left samplen 1
data = folder . '/picks.dat'
plot data index 0 using 2:1:ytic(3) with points pt 9 ps 0.9 lc rgb '#999999' title 'limit of the machine', \
     data index 1 using 2:1 with points pt 7 ps 1.0 lc rgb '#0b6fb8' title 'loadwise', \
     data index 2 using 2:1 with points pt 4 ps 0.8 lc rgb '#d1622b' title 'others', \
     data index 2 using 2:1:4 with labels left offset 0.7,0 font ',8' tc rgb '#999999' notitle
