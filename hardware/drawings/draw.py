"""The wiring drawings of the reference station: ``python -m hardware.drawings.draw`` writes them here.

Owns: which part goes where. Refuses to know: how a symbol looks (``sheet.py``), why a value was chosen
(hardware/wiring.md, hardware/bom.md). Own drawings; no other project's schematic was copied.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hardware.drawings.sheet import MAINS, SAFE, SOFT, Sheet

FOLDER = Path(__file__).resolve().parent


def pilot_driver() -> Sheet:
    sheet = Sheet(
        1000,
        590,
        "Pilot driver",
        "GPIO12 to the pilot terminal: +-12 V behind 1.00 kOhm; -12 V (state F) at rest",
    )
    # input, gate
    sheet.terminal(110, 190, "GPIO12")
    sheet.wire((115, 190), (190, 190))
    sheet.dot(140, 190)
    sheet.resistor(140, 220, "47k", "v")
    sheet.ground(140, 250)
    sheet.terminal(110, 150, "GATE", color=SAFE)
    sheet.wire((115, 150), (190, 150), color=SAFE)
    sheet.block(190, 134, 90, 72, ["AND", "74LVC1G08", "3.3 V"])
    sheet.wire((280, 170), (400, 170))
    sheet.dot(330, 170)
    sheet.resistor(330, 200, "47k", "v")
    sheet.ground(330, 230)
    # driver
    sheet.amplifier(400, 188, "driver")
    sheet.wire((432, 162), (432, 130))
    sheet.rail(432, 130, "+12 V")
    sheet.wire((432, 214), (432, 250))
    sheet.rail(432, 250, "−12 V", down=True)
    # threshold
    sheet.wire((400, 206), (375, 206), (375, 330))
    sheet.dot(375, 330)
    sheet.wire((345, 330), (375, 330))
    sheet.resistor(315, 330, "10k")
    sheet.wire((285, 330), (270, 330), (270, 310))
    sheet.rail(270, 310, "3.3 V")
    sheet.resistor(375, 360, "10k", "v")
    sheet.ground(375, 390)
    sheet.words(385, 322, "1.65 V", size=11, color=SOFT)
    # output
    sheet.wire((480, 188), (510, 188))
    sheet.resistor(540, 188, "1.00k 1 %")
    sheet.wire((570, 188), (900, 188))
    sheet.terminal(905, 188, "CP", "right")
    sheet.dot(610, 188)
    sheet.wire((610, 188), (610, 130))
    sheet.arrow(610, 122, "up")
    sheet.words(610, 112, "to sensing", anchor="middle", size=11, color=SOFT)
    sheet.dot(690, 188)
    sheet.diode(690, 218, "TVS 13 V\nSMAJ13CA", both=True)
    sheet.earth(690, 248)
    sheet.dot(810, 188)
    sheet.capacitor(810, 218, "270 pF to 1 nF\nNP0")
    sheet.earth(810, 248)
    # inverter
    sheet.rail(560, 350, "+12 V")
    sheet.wire((560, 350), (560, 372), (600, 372))
    sheet.block(600, 350, 130, 56, ["charge pump", "TC7660S class"])
    sheet.wire((730, 372), (840, 372))
    sheet.rail(840, 372, "−12 V")
    sheet.dot(780, 372)
    sheet.capacitor(780, 402, "22u out")
    sheet.ground(780, 432)
    sheet.wire((630, 406), (630, 440), (646, 440))
    sheet.wire((706, 440), (706, 406))
    sheet.capacitor(676, 440, "", "h")
    sheet.words(676, 470, "22u fly", anchor="middle")
    sheet.note(
        40,
        446,
        [
            "Pi off, in reset or pin an input: low, −12 V, state F.",
            "Gate dropped: low, whatever the PWM does.",
            "Driver: 24 V span, 8 V/us or more, within 0.24 V of its rails at 12 mA",
            "(20 ohms: 970 to 1030 ohms in all). TLV9352 or TLV1805 class.",
        ],
    )
    return sheet


def sensing() -> Sheet:
    sheet = Sheet(
        1080,
        640,
        "Sensing: pilot and proximity",
        "V(ADC) = 1.756 V + 0.1132 x V(CP); -13.5..+13.5 V becomes 0.23..3.28 V",
    )
    sheet.terminal(80, 172, "CP")
    sheet.wire((85, 172), (110, 172))
    sheet.resistor(140, 172, "10k")
    sheet.wire((170, 172), (220, 172))
    sheet.amplifier(220, 190, "follower")
    sheet.wire((252, 164), (252, 130))
    sheet.rail(252, 130, "+12 V")
    sheet.wire((252, 216), (252, 246))
    sheet.rail(252, 246, "−12 V", down=True)
    sheet.wire((300, 190), (340, 190))
    sheet.dot(320, 190)
    sheet.wire((320, 190), (320, 285), (200, 285), (200, 208), (220, 208))
    sheet.resistor(370, 190, "47k 1 %")
    sheet.wire((400, 190), (800, 190))
    sheet.dot(450, 190)
    sheet.resistor(450, 160, "10k 1 %", "v")
    sheet.rail(450, 130, "REF 3.3 V")
    sheet.dot(530, 190)
    sheet.resistor(530, 220, "15k 1 %", "v")
    sheet.ground(530, 250)
    sheet.dot(640, 190)
    sheet.diode(640, 160, "BAV199")
    sheet.rail(640, 130, "REF 3.3 V")
    sheet.diode(640, 220, "")
    sheet.ground(640, 250)
    # ADC
    sheet.block(800, 120, 120, 330, [""])
    for number, line in enumerate(("MCP3208", "12 bit", "1 MHz", "mode 0")):
        sheet.words(808, 262 + 18 * number, line, weight="normal" if number else "bold")
    sheet.words(808, 194, "CH0", size=11)
    sheet.words(808, 404, "CH1", size=11)
    sheet.wire((835, 120), (835, 95))
    sheet.rail(835, 95, "REF 3.3 V")
    sheet.words(828, 134, "VREF", size=10, color=SOFT)
    sheet.wire((885, 120), (885, 105))
    sheet.rail(885, 105, "3.3 V")
    sheet.words(878, 134, "VDD", size=10, color=SOFT)
    for number, (pin, name) in enumerate(
        (("CLK", "GPIO11"), ("DIN", "GPIO10"), ("DOUT", "GPIO9"), ("CS", "GPIO8"))
    ):
        y = 190 + 50 * number
        sheet.wire((920, y), (955, y))
        sheet.words(914, y + 4, pin, size=10, color=SOFT, anchor="end")
        sheet.terminal(960, y, name, "right")
    sheet.wire((860, 450), (860, 460))
    sheet.ground(860, 460)
    # proximity
    sheet.terminal(80, 400, "PP")
    sheet.wire((85, 400), (340, 400))
    sheet.dot(230, 400)
    sheet.resistor(230, 370, "1.00k 1 %", "v")
    sheet.rail(230, 340, "REF 3.3 V")
    sheet.resistor(370, 400, "10k")
    sheet.wire((400, 400), (800, 400))
    sheet.dot(640, 400)
    sheet.diode(640, 370, "BAV199")
    sheet.rail(640, 340, "REF 3.3 V")
    sheet.diode(640, 430, "")
    sheet.ground(640, 460)
    sheet.words(80, 440, "plug: 1500 / 680 / 220 / 100 ohm to PE = 13 / 20 / 32 / 63 A", size=11, color=SOFT)
    # reference
    sheet.block(310, 505, 130, 44, ["reference 3.3 V", "0.2 %, 25 mA"])
    sheet.rail(270, 520, "5 V")
    sheet.wire((270, 520), (270, 532), (310, 532))
    sheet.wire((440, 527), (530, 527))
    sheet.rail(530, 527, "REF 3.3 V")
    sheet.dot(475, 527)
    sheet.capacitor(475, 557, "4.7u")
    sheet.ground(475, 587)
    sheet.note(24, 250, ["No filter capacitor:", "the shortest pulse is 40 us."])
    return sheet


def contactor_gate() -> Sheet:
    sheet = Sheet(
        1120,
        720,
        "Contactor with hardware gate",
        "Two yeses: GPIO17, and a coil supply that only a fed watchdog, RCM and emergency stop let through",
    )
    # gate
    sheet.terminal(130, 130, "GPIO22")
    sheet.wire((135, 130), (220, 130))
    sheet.dot(165, 130)
    sheet.resistor(165, 160, "10k", "v")
    sheet.ground(165, 190)
    sheet.block(
        220,
        98,
        190,
        64,
        ["retriggerable monostable", "74HC4538 class, 3.3 V", "60 ms after each rising edge"],
    )
    sheet.resistor(290, 200, "180k", "v")
    sheet.capacitor(360, 200, "470n\nfilm 5 %")
    sheet.wire((290, 170), (290, 162))
    sheet.wire((360, 170), (360, 162))
    sheet.wire((290, 230), (290, 240))
    sheet.rail(290, 240, "3.3 V", down=True)
    sheet.ground(360, 230)
    sheet.wire((410, 130), (560, 130), color=SAFE)
    sheet.words(425, 122, "GATE", color=SAFE, weight="bold")
    sheet.dot(520, 130, SAFE)
    sheet.wire((520, 130), (520, 92), color=SAFE)
    sheet.arrow(520, 84, "up", SAFE)
    sheet.words(532, 92, "to the AND of the pilot driver (drops it to −12 V)", size=11, color=SOFT)
    # coil chain
    sheet.rail(70, 300, "+12 V")
    sheet.wire((70, 300), (70, 330), (100, 330), color=SAFE)
    sheet.contact(130, 330, "emergency stop", closed=True, color=SAFE)
    sheet.wire((160, 330), (230, 330), color=SAFE)
    sheet.contact(260, 330, "RCM relay", color=SAFE)
    sheet.words(260, 352, "open when tripped or unpowered", anchor="middle", size=10, color=SOFT)
    sheet.wire((290, 330), (500, 330), color=SAFE)
    sheet.block(500, 300, 120, 60, ["gate switch", "high side,", "P-MOS"], color=SAFE)
    sheet.wire((560, 130), (560, 300), color=SAFE)
    sheet.arrow(560, 299, "down", SAFE)
    sheet.dot(560, 240, SAFE)
    sheet.wire((560, 240), (600, 240))
    sheet.resistor(630, 240, "100k")
    sheet.ground(660, 240)
    sheet.wire((620, 330), (720, 330), (720, 370), color=SAFE)
    sheet.dot(720, 355, SAFE)
    sheet.coil(720, 400, "")
    sheet.words(690, 398, "K1 interposing", anchor="end")
    sheet.words(690, 413, "relay 12 V", anchor="end")
    sheet.wire((720, 355), (850, 355), (850, 360))
    sheet.diode(850, 390, "18 V", "down", zener=True)
    sheet.diode(850, 450, "", "up")
    sheet.words(868, 454, "1N4148", size=12)
    sheet.wire((850, 480), (850, 490), (720, 490))
    sheet.wire((720, 430), (720, 500))
    sheet.dot(720, 490)
    sheet.nmos(706, 530, "N-MOSFET")
    sheet.wire((720, 560), (720, 565))
    sheet.ground(720, 565)
    sheet.terminal(440, 530, "GPIO17 coil")
    sheet.wire((445, 530), (500, 530))
    sheet.resistor(530, 530, "1k")
    sheet.wire((560, 530), (676, 530))
    sheet.dot(610, 530)
    sheet.resistor(610, 560, "10k", "v")
    sheet.ground(610, 590)
    # mirror contact
    sheet.rail(60, 430, "+12 V")
    sheet.wire((60, 430), (60, 460), (80, 460))
    sheet.contact(110, 460, "", closed=True)
    sheet.words(110, 484, "K0 mirror (NC)", anchor="middle", size=11)
    sheet.wire((140, 460), (150, 460))
    sheet.resistor(180, 460, "1k")
    sheet.wire((210, 460), (230, 460), (230, 480))
    sheet.lamp_led(230, 510, "")
    sheet.ground(230, 540)
    sheet.phototransistor(276, 510, "opto")
    sheet.wire((290, 480), (290, 460), (350, 460))
    sheet.dot(310, 460)
    sheet.wire((310, 460), (310, 450))
    sheet.resistor(310, 420, "4.7k", "v")
    sheet.rail(310, 390, "3.3 V")
    sheet.terminal(355, 460, "GPIO27", "right")
    sheet.ground(290, 540)
    sheet.note(
        60,
        630,
        [
            "The mirror contact is closed while all main contacts are open: LED on, GPIO27 low = open.",
            "Main contacts closed, a welded one, a broken wire or no 12 V: GPIO27 high = closed.",
            "10 mA wet the contact.",
        ],
    )
    # mains coil
    sheet.terminal(930, 130, "L", "left", MAINS)
    sheet.wire((935, 130), (960, 130), color=MAINS)
    sheet.contact(990, 130, "K1", color=MAINS)
    sheet.wire((1020, 130), (1050, 130), (1050, 160), color=MAINS)
    sheet.coil(1050, 190, "")
    sheet.words(1050, 240, "K0 contactor", anchor="middle")
    sheet.wire((1050, 220), (1050, 225), color=MAINS)
    sheet.wire((1050, 225), (1000, 225), (1000, 260), (935, 260), color=MAINS)
    sheet.terminal(930, 260, "N", "left", MAINS)
    sheet.words(930, 290, "coil suppressor as its maker", size=11, color=SOFT)
    sheet.words(930, 306, "says (varistor), across A1, A2", size=11, color=SOFT)
    sheet.note(
        900,
        560,
        [
            "Opening: gate or GPIO17 to open",
            "main contacts 50 ms at most.",
            "A bare diode at K1 would add",
            "tens of milliseconds.",
        ],
    )
    return sheet


def residual_current() -> Sheet:
    sheet = Sheet(
        1000,
        620,
        "Residual current: RDC-DD module with test input",
        "Its relay opens the coil chain without the Pi; GPIO24 only tells; GPIO25 tests before each closing",
    )
    for number, name in enumerate(("L1", "L2", "L3", "N")):
        y = 110 + 26 * number
        sheet.terminal(60, y, name, "left", MAINS)
        sheet.wire((65, y), (330, y), color=MAINS)
        sheet.terminal(335, y, "", "right", MAINS)
    sheet.block(160, 90, 60, 118, [""], fill="none", dash="6 4")
    sheet.words(204, 230, "sensor core: all of L1 L2 L3 N, not PE", size=11, color=SOFT)
    sheet.words(352, 153, "to meter, contactor, outlet", size=11, color=SOFT)
    sheet.block(
        130, 270, 220, 180, ["RDC-DD / RCM module", "trips at 6 mA d.c.", "IEC 62955", "e.g. RCMB42EC class"]
    )
    sheet.wire((190, 208), (190, 270), dash="4 3")
    sheet.rail(80, 300, "+12 V")
    sheet.wire((80, 300), (80, 310), (130, 310))
    sheet.wire((100, 390), (130, 390))
    sheet.wire((100, 390), (100, 400))
    sheet.ground(100, 400)
    # relay output
    sheet.wire((350, 290), (470, 290), color=SAFE)
    sheet.contact(500, 290, "relay contact", color=SAFE)
    sheet.wire((530, 290), (640, 290), color=SAFE)
    sheet.arrow(648, 290, "right", SAFE)
    sheet.words(656, 294, "in the coil chain (contactor-gate.svg)", color=SAFE)
    # fault to Pi
    sheet.words(358, 334, "healthy: output transistor on", size=11, color=SOFT)
    sheet.wire((350, 345), (600, 345))
    sheet.dot(560, 345)
    sheet.wire((560, 345), (560, 350))
    sheet.resistor(560, 380, "10k", "v")
    sheet.wire((560, 410), (560, 425))
    sheet.rail(560, 425, "3.3 V", down=True)
    sheet.resistor(630, 345, "100")
    sheet.wire((660, 345), (740, 345))
    sheet.terminal(745, 345, "GPIO24 fault: low = healthy", "right")
    # test
    sheet.words(358, 424, "TEST", size=11, color=SOFT)
    sheet.wire((350, 430), (464, 430), (464, 470))
    sheet.nmos(450, 500, "N-MOSFET")
    sheet.ground(464, 530)
    sheet.terminal(200, 500, "GPIO25 test")
    sheet.wire((205, 500), (240, 500))
    sheet.resistor(270, 500, "1k")
    sheet.wire((300, 500), (420, 500))
    sheet.dot(360, 500)
    sheet.resistor(360, 530, "10k", "v")
    sheet.ground(360, 560)
    sheet.note(
        600,
        480,
        [
            "Before each closing, contactor open: the fault must appear",
            "within 1 s of the test and clear within 2 s after it.",
            "A broken wire, no supply or no module: GPIO24 high = tripped.",
        ],
    )
    return sheet


def rs485_meter() -> Sheet:
    sheet = Sheet(
        1000,
        440,
        "Energy meter on RS-485",
        "Isolated USB adapter at the Pi, shielded pair, termination at both ends, bias at one",
    )
    sheet.block(50, 150, 130, 120, ["Raspberry Pi", "USB", "/dev/ttyUSB0"])
    sheet.wire((180, 210), (260, 210))
    sheet.words(220, 202, "USB", anchor="middle", size=11, color=SOFT)
    sheet.block(260, 150, 160, 120, ["RS-485 adapter", "isolated, automatic", "direction"])
    for y, name in ((180, "A"), (240, "B")):
        sheet.words(426, y - 6, name, size=11, color=SOFT)
        sheet.wire((420, y), (760, y))
    sheet.dot(480, 180)
    sheet.dot(480, 240)
    sheet.resistor(480, 210, "120", "v")
    sheet.dot(560, 180)
    sheet.resistor(560, 150, "680", "v")
    sheet.rail(560, 120, "5 V iso")
    sheet.dot(560, 240)
    sheet.resistor(560, 270, "680", "v")
    sheet.ground(560, 300)
    sheet.dot(690, 180)
    sheet.dot(690, 240)
    sheet.resistor(690, 210, "120", "v")
    sheet.block(
        760, 140, 170, 150, ["energy meter", "MID class B", "Modbus RTU", "9600 8N1, unit 1"], color=MAINS
    )
    sheet.note(
        50,
        356,
        [
            "Twisted pair, shield to the adapter's isolated ground at one end.",
            "A and B are named differently by makers: swap them when nothing answers.",
            "Bias only once on the bus. Up to 10 m at 9600 baud it also works without the 120 ohms.",
        ],
    )
    return sheet


def reader() -> Sheet:
    sheet = Sheet(1000, 430, "Card reader on the UART", "RDM6300 class: 5 V TTL; the Pi takes 3.3 V at most")
    sheet.block(70, 130, 170, 150, ["card reader", "RDM6300 class", "9600 8N1, 5 V TTL"])
    sheet.rail(155, 95, "5 V")
    sheet.wire((155, 95), (155, 130))
    sheet.wire((155, 280), (155, 290))
    sheet.ground(155, 290)
    sheet.words(234, 196, "TX", size=11, color=SOFT, anchor="end")
    sheet.wire((240, 200), (330, 200))
    sheet.resistor(360, 200, "10k")
    sheet.wire((390, 200), (560, 200))
    sheet.dot(450, 200)
    sheet.resistor(450, 230, "18k", "v")
    sheet.ground(450, 260)
    sheet.words(470, 190, "3.2 V", size=11, color=SOFT)
    sheet.resistor(590, 200, "470")
    sheet.wire((620, 200), (700, 200))
    sheet.terminal(705, 200, "GPIO15 RXD (/dev/serial0)", "right")
    sheet.note(
        260,
        310,
        [
            "5.25 V at the reader gives 3.38 V: within the Pi's 3.3 V + 0.3 V.",
            "Or a 74LVC1T45 between 5 V and 3.3 V for long leads.",
            "GPIO14 (TXD) stays free for readers that take commands (PN532: 3.3 V, no divider).",
            "Keep the antenna 5 cm from metal and away from the mains wiring.",
        ],
    )
    return sheet


def plug_lock() -> Sheet:
    sheet = Sheet(
        1060,
        600,
        "Plug lock with emergency capacitor",
        "H-bridge for the motor; when the supply fails the capacitor drives it to unlock once",
    )
    sheet.rail(80, 110, "+12 V")
    sheet.wire((80, 110), (80, 130), (100, 130))
    sheet.diode(130, 130, "1N5819", "right")
    sheet.wire((160, 130), (190, 130))
    sheet.resistor(220, 130, "25 ohm 4 W")
    sheet.wire((250, 130), (620, 130))
    sheet.dot(320, 130)
    sheet.capacitor(320, 160, "10 mF\n16 V")
    sheet.ground(320, 190)
    sheet.dot(470, 130)
    sheet.words(480, 122, "LOCK SUPPLY", size=11, weight="bold")
    # supervisor
    sheet.wire((80, 130), (80, 260), (150, 260))
    sheet.dot(80, 130)
    sheet.block(150, 232, 170, 56, ["supply supervisor", "low below 10 V"])
    sheet.wire((320, 260), (380, 260))
    sheet.block(380, 222, 140, 78, ["one shot 600 ms", "runs from", "LOCK SUPPLY"])
    sheet.wire((470, 130), (470, 222))
    sheet.wire((520, 260), (560, 260))
    # logic
    sheet.block(560, 240, 80, 60, ["OR"])
    sheet.terminal(440, 340, "GPIO21 unlock")
    sheet.wire((445, 340), (540, 340), (540, 285), (560, 285))
    sheet.dot(500, 340)
    sheet.resistor(500, 370, "10k", "v")
    sheet.ground(500, 400)
    sheet.terminal(440, 440, "GPIO20 lock")
    sheet.wire((445, 440), (690, 440), (690, 342), (740, 342))
    sheet.dot(580, 440)
    sheet.resistor(580, 470, "10k", "v")
    sheet.ground(580, 500)
    sheet.wire((640, 270), (740, 270))
    # bridge
    sheet.block(740, 220, 130, 150, ["H-bridge", "2EDN7524,", "DRV8220 class"])
    sheet.words(746, 258, "IN2", size=10, color=SOFT)
    sheet.words(746, 346, "IN1", size=10, color=SOFT)
    sheet.wire((620, 130), (805, 130), (805, 220))
    sheet.wire((805, 370), (805, 380))
    sheet.ground(805, 380)
    sheet.wire((870, 260), (930, 260))
    sheet.wire((870, 330), (930, 330))
    sheet.block(930, 240, 100, 110, ["lock motor", "12 V", "600 ms"])
    # feedback
    sheet.rail(760, 460, "3.3 V")
    sheet.wire((760, 460), (780, 460))
    sheet.resistor(810, 460, "4.7k")
    sheet.wire((840, 460), (980, 460))
    sheet.dot(880, 460)
    sheet.wire((880, 460), (880, 490))
    sheet.terminal(880, 495, "", "left")
    sheet.words(870, 500, "GPIO26: low = locked", anchor="end", weight="bold")
    sheet.wire((980, 460), (980, 470))
    sheet.contact(980, 500, "", "v")
    sheet.words(966, 528, "switch in the lock", size=11, color=SOFT, anchor="end")
    sheet.ground(980, 530)
    sheet.note(
        24,
        330,
        [
            "Both inputs low: motor off.",
            "The program never drives both",
            "and ends each pulse itself.",
            "The capacitor needs 5 x 25 ohm x 10 mF",
            "= 1.3 s before the first locking.",
            "Energy: 0.5 x 10 mF x (12² − 8²) = 0.4 J:",
            "check against the motor (verify).",
        ],
    )
    return sheet


def overall() -> Sheet:
    sheet = Sheet(
        1200,
        760,
        "Socket station, three phases, 32 A: overall wiring",
        "Mains in red, the hardware chain in green; PE is never switched",
    )
    y_of = {"L1": 110, "L2": 132, "L3": 154, "N": 176}
    for name, y in y_of.items():
        sheet.terminal(60, y, name, "left", MAINS)
        sheet.wire((65, y), (1060, y), color=MAINS)
    blocks = (
        (110, 90, ["MCB", "C40 3P+N,", "10 kA"]),
        (225, 100, ["surge", "arrester", "type 2"]),
        (375, 100, ["RCD", "type A", "30 mA"]),
        (520, 110, ["RDC-DD", "sensor", "6 mA d.c."]),
        (670, 110, ["energy", "meter", "MID"]),
        (820, 120, ["K0", "contactor 4P", "40 A AC-1"]),
    )
    for x, width, lines in blocks:
        sheet.block(x, 96, width, 96, lines, color=MAINS, fill="#fdf3f2")
    sheet.block(1060, 96, 100, 150, ["socket", "type 2", "with lock"], color=MAINS, fill="#fdf3f2")
    sheet.terminal(60, 222, "PE", "left", "#2e7d32")
    sheet.wire((65, 222), (1060, 222), color="#2e7d32", width=2.2)
    sheet.note(
        70, 244, ["PE: never switched; enclosure, DIN rail", "and the pilot's 0 V are bonded to it"], size=11
    )
    # supply
    sheet.dot(490, 110, MAINS)
    sheet.dot(505, 176, MAINS)
    sheet.wire((490, 110), (490, 270), (340, 270), (340, 310), color=MAINS)
    sheet.wire((505, 176), (505, 285), (360, 285), (360, 310), color=MAINS)
    sheet.block(290, 310, 140, 60, ["fuse 2 A", "AC/DC 12 V 2 A", "reinforced isolation"])
    sheet.wire((360, 370), (360, 400))
    sheet.block(290, 400, 140, 50, ["12 V to 5 V 3 A", "for the Pi"])
    sheet.wire((290, 425), (200, 425), (200, 470))
    sheet.arrow(200, 470, "down")
    # Pi and front end
    sheet.block(
        60,
        470,
        280,
        130,
        [
            "Raspberry Pi 3, 4, 5 or Zero 2 W",
            "joulepost safety + controller",
            "PWM 12, SPI 8..11, pulses 22, coil 17",
        ],
    )
    sheet.block(
        470,
        330,
        240,
        110,
        [
            "front-end board",
            "pilot driver, sensing, gate,",
            "contactor driver, lock driver",
            "(drawings of this folder)",
        ],
    )
    sheet.wire((430, 340), (470, 340))
    sheet.wire((340, 500), (560, 500), (560, 440))
    sheet.words(350, 494, "GPIO, SPI", size=11, color=SOFT)
    sheet.wire((710, 355), (1110, 355), (1110, 246))
    sheet.words(900, 349, "CP, PP, lock motor and feedback", size=11, color=SOFT)
    sheet.wire((710, 390), (880, 390), (880, 192), color=SAFE)
    sheet.arrow(880, 193, "up", SAFE)
    sheet.words(890, 290, "coil, through K1;", size=11, color=SAFE)
    sheet.words(890, 306, "mirror contact back", size=11, color=SAFE)
    sheet.wire((575, 192), (575, 330), color=SAFE)
    sheet.arrow(575, 329, "down", SAFE)
    sheet.words(585, 280, "relay: in the coil chain", size=11, color=SAFE)
    sheet.words(585, 296, "fault, test", size=11, color=SOFT)
    sheet.block(770, 430, 150, 60, ["emergency stop", "NC, in the coil chain"], color=SAFE, fill="#eef8f3")
    sheet.wire((770, 450), (640, 450), (640, 440), color=SAFE)
    sheet.wire((725, 192), (725, 560), (340, 560))
    sheet.words(350, 554, "RS-485 (USB adapter)", size=11, color=SOFT)
    sheet.block(470, 600, 150, 60, ["card reader", "UART GPIO15"])
    sheet.wire((470, 630), (200, 630), (200, 600))
    sheet.block(670, 600, 170, 60, ["temperature sensors", "PT1000 (ADC) or 1-Wire"])
    sheet.wire((670, 640), (640, 640), (640, 690), (120, 690), (120, 600))
    sheet.block(60, 310, 170, 60, ["network", "Ethernet, Wi-Fi or", "mobile router"])
    sheet.wire((120, 370), (120, 470))
    sheet.note(
        870,
        540,
        [
            "Order along the mains: MCB, surge arrester, RCD,",
            "detector, meter, contactor. The detector sees",
            "all of L1 L2 L3 N and not PE. Type A RCD with",
            "RDC-DD, or a type B RCD alone.",
            "Contactor: contact gap 3 mm or more, mirror",
            "contact (IEC 60947-4-1 Annex F). Ratings by a",
            "qualified person for the place of installation.",
        ],
    )
    return sheet


DRAWINGS: dict[str, Callable[[], Sheet]] = {
    "overall": overall,
    "pilot-driver": pilot_driver,
    "sensing": sensing,
    "contactor-gate": contactor_gate,
    "residual-current": residual_current,
    "rs485-meter": rs485_meter,
    "reader": reader,
    "plug-lock": plug_lock,
}
"""File name without .svg -> how it is drawn."""


def main() -> None:
    for name, make in DRAWINGS.items():
        (FOLDER / f"{name}.svg").write_text(make().text(), encoding="utf-8")


if __name__ == "__main__":
    main()
