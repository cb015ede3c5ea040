//! Named geometries, shared by tests, benches and the laboratory.

use crate::kernels::conv::ConvGeometry;

/// A geometry with the name of the layer it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedGeometry {
    /// Unique in its list: `layer2.0.conv1`.
    pub name: &'static str,
    /// The geometry.
    pub geometry: ConvGeometry,
}

/// The names of all lists.
pub const NAMES: [&str; TABLES.len()] = {
    let mut names = [""; TABLES.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = TABLES[i].0;
        i += 1;
    }
    names
};

/// A list by its name, see [`NAMES`].
#[must_use]
pub fn by_name(name: &str) -> Option<Vec<NamedGeometry>> {
    let (_, table) = TABLES.iter().find(|(known, _)| *known == name)?;
    Some(read(table))
}

fn read(table: Table) -> Vec<NamedGeometry> {
    let named = |&(name, line): &(&'static str, &str)| NamedGeometry {
        name,
        geometry: line
            .parse()
            .expect("a test parses every line of the tables"),
    };
    table.iter().map(named).collect()
}

type Table = &'static [(&'static str, &'static str)];

const TABLES: [(&str, Table); 10] = [
    ("lenet", LENET),
    ("fashion", FASHION),
    ("vgg16", VGG16),
    ("resnet18", RESNET18),
    ("resnet50", RESNET50),
    ("resnet20", RESNET20),
    ("mobilenet", MOBILENET),
    ("unet", UNET),
    ("peers", PEERS),
    ("corners", CORNERS),
];

/// `LeNet-5` (`LeCun` et al. 1998) on 28 × 28 digits, batch 64.
#[must_use]
pub fn lenet() -> Vec<NamedGeometry> {
    read(LENET)
}

/// A small network for Fashion-MNIST: two layers of 5 × 5 filters, batch 64.
#[must_use]
pub fn fashion() -> Vec<NamedGeometry> {
    read(FASHION)
}

/// VGG-16 (Simonyan, Zisserman 2014), each geometry once, batch 1.
#[must_use]
pub fn vgg16() -> Vec<NamedGeometry> {
    read(VGG16)
}

/// ResNet-18 (He et al. 2015), each geometry once, batch 1.
#[must_use]
pub fn resnet18() -> Vec<NamedGeometry> {
    read(RESNET18)
}

/// ResNet-50 (He et al. 2015; the stride in the 3 × 3 layer), each geometry once, batch 1.
#[must_use]
pub fn resnet50() -> Vec<NamedGeometry> {
    read(RESNET50)
}

/// ResNet-20 for CIFAR-10 (He et al. 2015), each geometry once, batch 32.
#[must_use]
pub fn resnet20() -> Vec<NamedGeometry> {
    read(RESNET20)
}

/// `MobileNet` (Howard et al. 2017), each geometry once, batch 1.
#[must_use]
pub fn mobilenet() -> Vec<NamedGeometry> {
    read(MOBILENET)
}

/// U-Net (Ronneberger et al. 2015) on 572 × 572 tiles, the filters without padding, batch 1.
#[must_use]
pub fn unet() -> Vec<NamedGeometry> {
    read(UNET)
}

/// The layers that other frameworks are measured on: small and large ones of well-known networks.
#[must_use]
pub fn peers() -> Vec<NamedGeometry> {
    read(PEERS)
}

/// Small geometries with every option, at the edges of tiles and vectors, with equal and different extents.
#[must_use]
pub fn corners() -> Vec<NamedGeometry> {
    read(CORNERS)
}

const LENET: Table = &[
    ("conv1", "mb64_ic1ih28iw28_oc6_kh5kw5_ph2pw2"),
    ("conv2", "mb64_ic6ih14iw14_oc16_kh5kw5"),
];

const FASHION: Table = &[
    ("conv1", "mb64_ic1ih28iw28_oc32_kh5kw5_ph2pw2"),
    ("conv2", "mb64_ic32ih14iw14_oc64_kh5kw5_ph2pw2"),
];

const VGG16: Table = &[
    ("conv1_1", "mb1_ic3ih224iw224_oc64_kh3kw3_ph1pw1"),
    ("conv1_2", "mb1_ic64ih224iw224_oc64_kh3kw3_ph1pw1"),
    ("conv2_1", "mb1_ic64ih112iw112_oc128_kh3kw3_ph1pw1"),
    ("conv2_2", "mb1_ic128ih112iw112_oc128_kh3kw3_ph1pw1"),
    ("conv3_1", "mb1_ic128ih56iw56_oc256_kh3kw3_ph1pw1"),
    ("conv3_2", "mb1_ic256ih56iw56_oc256_kh3kw3_ph1pw1"),
    ("conv4_1", "mb1_ic256ih28iw28_oc512_kh3kw3_ph1pw1"),
    ("conv4_2", "mb1_ic512ih28iw28_oc512_kh3kw3_ph1pw1"),
    ("conv5_1", "mb1_ic512ih14iw14_oc512_kh3kw3_ph1pw1"),
];

const RESNET18: Table = &[
    ("conv1", "mb1_ic3ih224iw224_oc64_kh7kw7_sh2sw2_ph3pw3"),
    ("layer1", "mb1_ic64ih56iw56_oc64_kh3kw3_ph1pw1"),
    (
        "layer2.0.conv1",
        "mb1_ic64ih56iw56_oc128_kh3kw3_sh2sw2_ph1pw1",
    ),
    (
        "layer2.0.downsample",
        "mb1_ic64ih56iw56_oc128_kh1kw1_sh2sw2",
    ),
    ("layer2", "mb1_ic128ih28iw28_oc128_kh3kw3_ph1pw1"),
    (
        "layer3.0.conv1",
        "mb1_ic128ih28iw28_oc256_kh3kw3_sh2sw2_ph1pw1",
    ),
    (
        "layer3.0.downsample",
        "mb1_ic128ih28iw28_oc256_kh1kw1_sh2sw2",
    ),
    ("layer3", "mb1_ic256ih14iw14_oc256_kh3kw3_ph1pw1"),
    (
        "layer4.0.conv1",
        "mb1_ic256ih14iw14_oc512_kh3kw3_sh2sw2_ph1pw1",
    ),
    (
        "layer4.0.downsample",
        "mb1_ic256ih14iw14_oc512_kh1kw1_sh2sw2",
    ),
    ("layer4", "mb1_ic512ih7iw7_oc512_kh3kw3_ph1pw1"),
];

const RESNET50: Table = &[
    ("conv1", "mb1_ic3ih224iw224_oc64_kh7kw7_sh2sw2_ph3pw3"),
    ("layer1.0.conv1", "mb1_ic64ih56iw56_oc64_kh1kw1"),
    ("layer1.0.downsample", "mb1_ic64ih56iw56_oc256_kh1kw1"),
    ("layer1.1.conv1", "mb1_ic256ih56iw56_oc64_kh1kw1"),
    ("layer1.1.conv2", "mb1_ic64ih56iw56_oc64_kh3kw3_ph1pw1"),
    ("layer2.0.conv1", "mb1_ic256ih56iw56_oc128_kh1kw1"),
    (
        "layer2.0.conv2",
        "mb1_ic128ih56iw56_oc128_kh3kw3_sh2sw2_ph1pw1",
    ),
    (
        "layer2.0.downsample",
        "mb1_ic256ih56iw56_oc512_kh1kw1_sh2sw2",
    ),
    ("layer2.1.conv1", "mb1_ic512ih28iw28_oc128_kh1kw1"),
    ("layer2.1.conv2", "mb1_ic128ih28iw28_oc128_kh3kw3_ph1pw1"),
    ("layer2.1.conv3", "mb1_ic128ih28iw28_oc512_kh1kw1"),
    ("layer3.0.conv1", "mb1_ic512ih28iw28_oc256_kh1kw1"),
    (
        "layer3.0.conv2",
        "mb1_ic256ih28iw28_oc256_kh3kw3_sh2sw2_ph1pw1",
    ),
    (
        "layer3.0.downsample",
        "mb1_ic512ih28iw28_oc1024_kh1kw1_sh2sw2",
    ),
    ("layer3.1.conv1", "mb1_ic1024ih14iw14_oc256_kh1kw1"),
    ("layer3.1.conv2", "mb1_ic256ih14iw14_oc256_kh3kw3_ph1pw1"),
    ("layer3.1.conv3", "mb1_ic256ih14iw14_oc1024_kh1kw1"),
    ("layer4.0.conv1", "mb1_ic1024ih14iw14_oc512_kh1kw1"),
    (
        "layer4.0.conv2",
        "mb1_ic512ih14iw14_oc512_kh3kw3_sh2sw2_ph1pw1",
    ),
    (
        "layer4.0.downsample",
        "mb1_ic1024ih14iw14_oc2048_kh1kw1_sh2sw2",
    ),
    ("layer4.1.conv1", "mb1_ic2048ih7iw7_oc512_kh1kw1"),
    ("layer4.1.conv2", "mb1_ic512ih7iw7_oc512_kh3kw3_ph1pw1"),
    ("layer4.1.conv3", "mb1_ic512ih7iw7_oc2048_kh1kw1"),
];

const RESNET20: Table = &[
    ("conv1", "mb32_ic3ih32iw32_oc16_kh3kw3_ph1pw1"),
    ("layer1", "mb32_ic16ih32iw32_oc16_kh3kw3_ph1pw1"),
    (
        "layer2.0.conv1",
        "mb32_ic16ih32iw32_oc32_kh3kw3_sh2sw2_ph1pw1",
    ),
    (
        "layer2.0.downsample",
        "mb32_ic16ih32iw32_oc32_kh1kw1_sh2sw2",
    ),
    ("layer2", "mb32_ic32ih16iw16_oc32_kh3kw3_ph1pw1"),
    (
        "layer3.0.conv1",
        "mb32_ic32ih16iw16_oc64_kh3kw3_sh2sw2_ph1pw1",
    ),
    (
        "layer3.0.downsample",
        "mb32_ic32ih16iw16_oc64_kh1kw1_sh2sw2",
    ),
    ("layer3", "mb32_ic64ih8iw8_oc64_kh3kw3_ph1pw1"),
];

const MOBILENET: Table = &[
    ("stem", "mb1_ic3ih224iw224_oc32_kh3kw3_sh2sw2_ph1pw1"),
    ("depthwise1", "mb1_ic32ih112iw112_oc32_kh3kw3_ph1pw1_g32"),
    ("pointwise1", "mb1_ic32ih112iw112_oc64_kh1kw1"),
    (
        "depthwise2",
        "mb1_ic64ih112iw112_oc64_kh3kw3_sh2sw2_ph1pw1_g64",
    ),
    ("pointwise2", "mb1_ic64ih56iw56_oc128_kh1kw1"),
    ("depthwise3", "mb1_ic128ih56iw56_oc128_kh3kw3_ph1pw1_g128"),
    ("pointwise3", "mb1_ic128ih56iw56_oc128_kh1kw1"),
    (
        "depthwise4",
        "mb1_ic128ih56iw56_oc128_kh3kw3_sh2sw2_ph1pw1_g128",
    ),
    ("pointwise4", "mb1_ic128ih28iw28_oc256_kh1kw1"),
    ("depthwise5", "mb1_ic256ih28iw28_oc256_kh3kw3_ph1pw1_g256"),
    ("pointwise5", "mb1_ic256ih28iw28_oc256_kh1kw1"),
    (
        "depthwise6",
        "mb1_ic256ih28iw28_oc256_kh3kw3_sh2sw2_ph1pw1_g256",
    ),
    ("pointwise6", "mb1_ic256ih14iw14_oc512_kh1kw1"),
    ("depthwise7", "mb1_ic512ih14iw14_oc512_kh3kw3_ph1pw1_g512"),
    ("pointwise7", "mb1_ic512ih14iw14_oc512_kh1kw1"),
    (
        "depthwise8",
        "mb1_ic512ih14iw14_oc512_kh3kw3_sh2sw2_ph1pw1_g512",
    ),
    ("pointwise8", "mb1_ic512ih7iw7_oc1024_kh1kw1"),
    ("depthwise9", "mb1_ic1024ih7iw7_oc1024_kh3kw3_ph1pw1_g1024"),
    ("pointwise9", "mb1_ic1024ih7iw7_oc1024_kh1kw1"),
];

const UNET: Table = &[
    ("down1.conv1", "mb1_ic1ih572iw572_oc64_kh3kw3"),
    ("down1.conv2", "mb1_ic64ih570iw570_oc64_kh3kw3"),
    ("down2.conv1", "mb1_ic64ih284iw284_oc128_kh3kw3"),
    ("down2.conv2", "mb1_ic128ih282iw282_oc128_kh3kw3"),
    ("down3.conv1", "mb1_ic128ih140iw140_oc256_kh3kw3"),
    ("down3.conv2", "mb1_ic256ih138iw138_oc256_kh3kw3"),
    ("down4.conv1", "mb1_ic256ih68iw68_oc512_kh3kw3"),
    ("down4.conv2", "mb1_ic512ih66iw66_oc512_kh3kw3"),
    ("bottom.conv1", "mb1_ic512ih32iw32_oc1024_kh3kw3"),
    ("bottom.conv2", "mb1_ic1024ih30iw30_oc1024_kh3kw3"),
    ("up4.conv1", "mb1_ic1024ih56iw56_oc512_kh3kw3"),
    ("up4.conv2", "mb1_ic512ih54iw54_oc512_kh3kw3"),
    ("up3.conv1", "mb1_ic512ih104iw104_oc256_kh3kw3"),
    ("up3.conv2", "mb1_ic256ih102iw102_oc256_kh3kw3"),
    ("up2.conv1", "mb1_ic256ih200iw200_oc128_kh3kw3"),
    ("up2.conv2", "mb1_ic128ih198iw198_oc128_kh3kw3"),
    ("up1.conv1", "mb1_ic128ih392iw392_oc64_kh3kw3"),
    ("up1.conv2", "mb1_ic64ih390iw390_oc64_kh3kw3"),
    ("head", "mb1_ic64ih388iw388_oc2_kh1kw1"),
];

const PEERS: Table = &[
    ("lenet1", "mb64_ic1ih28iw28_oc32_kh5kw5_ph2pw2"),
    ("lenet2", "mb64_ic32ih14iw14_oc64_kh5kw5_ph2pw2"),
    ("cifar1", "mb32_ic3ih32iw32_oc16_kh3kw3_ph1pw1"),
    ("cifar2", "mb32_ic16ih32iw32_oc16_kh3kw3_ph1pw1"),
    ("cifar3s2", "mb32_ic16ih32iw32_oc32_kh3kw3_sh2sw2_ph1pw1"),
    ("cifar4", "mb32_ic32ih16iw16_oc32_kh3kw3_ph1pw1"),
    ("cifar5", "mb32_ic64ih8iw8_oc64_kh3kw3_ph1pw1"),
    ("rn_stem7", "mb1_ic3ih224iw224_oc64_kh7kw7_sh2sw2_ph3pw3"),
    ("rn_1x1_64", "mb1_ic64ih56iw56_oc64_kh1kw1"),
    ("rn_3x3_64", "mb1_ic64ih56iw56_oc64_kh3kw3_ph1pw1"),
    ("rn_3x3_128", "mb1_ic128ih28iw28_oc128_kh3kw3_ph1pw1"),
    ("rn_3x3_256", "mb1_ic256ih14iw14_oc256_kh3kw3_ph1pw1"),
    ("rn_3x3_512", "mb1_ic512ih7iw7_oc512_kh3kw3_ph1pw1"),
    ("rn_1x1_256", "mb1_ic256ih56iw56_oc64_kh1kw1"),
    ("vgg_64_224", "mb1_ic64ih224iw224_oc64_kh3kw3_ph1pw1"),
    ("vgg_3_224", "mb1_ic3ih224iw224_oc64_kh3kw3_ph1pw1"),
    ("vgg_512_14", "mb1_ic512ih14iw14_oc512_kh3kw3_ph1pw1"),
    ("dw_32_112", "mb1_ic32ih112iw112_oc32_kh3kw3_ph1pw1_g32"),
    (
        "dw_144s2",
        "mb1_ic144ih56iw56_oc144_kh3kw3_sh2sw2_ph1pw1_g144",
    ),
];

const CORNERS: Table = &[
    (
        "only_padding",
        "mb1_ic1id1ih2iw4_oc1_kd1kh2kw3_sd3_pd1ph2pw0+1",
    ),
    ("odd_width", "mb3_ic5ih9iw11_oc7_kh3kw3_ph1pw1"),
    ("seven_by_seven", "mb2_ic24ih7iw7_oc32_kh3kw3_ph1pw1"),
    ("single_pixel", "mb2_ic3ih1iw1_oc4_kh1kw1"),
    ("one_of_everything", "mb1_ic1ih1iw1_oc1_kh1kw1"),
    ("three_channels", "mb2_ic3ih13iw15_oc16_kh3kw3_ph1pw1"),
    ("seventeen_channels", "mb2_ic17ih8iw9_oc19_kh3kw3_ph1pw1"),
    (
        "many_channels_few_pixels",
        "mb1_ic65ih3iw3_oc49_kh3kw3_ph1pw1",
    ),
    ("batch_64", "mb64_ic2ih6iw5_oc3_kh3kw3_ph1pw1"),
    ("equal_extents", "mb8_ic8ih8iw8_oc8_kh8kw8_ph4pw4"),
    ("tall", "mb2_ic4ih33iw2_oc5_kh5kw2_ph2pw1"),
    ("wide_row", "mb1_ic2ih1iw67_oc3_kh1kw5"),
    ("five_by_five", "mb2_ic6ih14iw14_oc16_kh5kw5"),
    ("five_by_five_padded", "mb3_ic17ih9iw11_oc18_kh5kw5_ph2pw2"),
    (
        "five_by_five_lopsided",
        "mb1_ic3ih7iw6_oc33_kh5kw5_ph4+0pw1+3",
    ),
    ("four_by_four", "mb2_ic5ih11iw13_oc18_kh4kw4"),
    ("four_by_four_padded", "mb1_ic17ih10iw9_oc20_kh4kw4_ph2pw1"),
    (
        "four_by_four_lopsided",
        "mb2_ic3ih7iw8_oc4_kh4kw4_ph3+0pw0+2",
    ),
    (
        "five_by_five_strided",
        "mb2_ic18ih12iw9_oc17_kh5kw5_sh2sw2_ph2pw2",
    ),
    ("even_kernel", "mb2_ic3ih8iw9_oc5_kh4kw2_ph1pw1"),
    ("tile_edges", "mb1_ic16ih17iw23_oc17_kh3kw3_ph1pw1"),
    ("full_padding", "mb2_ic4ih6iw7_oc4_kh3kw3_ph2pw2"),
    ("no_padding_3x3", "mb2_ic16ih10iw12_oc16_kh3kw3"),
    (
        "padding_beyond_the_kernel",
        "mb1_ic2ih4iw5_oc3_kh2kw2_ph3pw4",
    ),
    ("asymmetric_padding", "mb2_ic3ih8iw9_oc4_kh4kw2_ph1+2pw0+1"),
    (
        "lopsided_padding_3x3",
        "mb2_ic18ih12iw9_oc17_kh3kw3_ph2+0pw0+1",
    ),
    (
        "kernel_larger_than_image",
        "mb2_ic3ih3iw2_oc4_kh5kw4_ph1+2pw1",
    ),
    ("empty_axis_with_padding", "mb2_ic3ih0iw4_oc5_kh2kw3_ph1pw1"),
    ("strided", "mb2_ic5ih11iw12_oc6_kh3kw3_sh2sw2_ph1pw1"),
    (
        "stride_per_axis",
        "mb2_ic4ih11iw13_oc6_kh3kw2_sh3sw1_ph1pw0",
    ),
    (
        "stride_beyond_the_kernel",
        "mb2_ic3ih13iw14_oc4_kh2kw3_sh4sw5_ph1pw1",
    ),
    ("stride_leaves_a_rest", "mb2_ic3ih10iw10_oc4_kh3kw3_sh4sw4"),
    ("stem", "mb1_ic3ih33iw31_oc10_kh7kw7_sh2sw2_ph3pw3"),
    ("pointwise", "mb2_ic20ih7iw9_oc13_kh1kw1"),
    ("pointwise_strided", "mb2_ic9ih9iw8_oc12_kh1kw1_sh2sw3"),
    ("pointwise_padded", "mb2_ic4ih5iw6_oc7_kh1kw1_ph1pw2"),
    ("pointwise_of_one_channel", "mb3_ic1ih3iw4_oc5_kh1kw1"),
    ("window_is_the_image", "mb3_ic4ih3iw4_oc6_kh3kw4_g2"),
    ("small_images", "mb200_ic2ih4iw3_oc3_kh3kw2_sh1sw2_ph1pw0+1"),
    ("dilated", "mb2_ic4ih12iw11_oc5_kh3kw3_ph2pw2_dh2dw2"),
    (
        "dilated_per_axis",
        "mb2_ic3ih14iw17_oc4_kh3kw2_sh2sw1_ph2pw3_dh3dw4",
    ),
    ("grouped", "mb2_ic6ih9iw8_oc9_kh3kw3_ph1pw1_g3"),
    (
        "grouped_strided_dilated",
        "mb2_ic8ih13iw12_oc4_kh3kw2_sh2sw3_ph2pw1_dh2dw3_g4",
    ),
    ("grouped_wide", "mb1_ic32ih9iw10_oc48_kh3kw3_ph1pw1_g2"),
    ("depthwise", "mb2_ic24ih9iw10_oc24_kh3kw3_ph1pw1_g24"),
    (
        "depthwise_strided",
        "mb1_ic7ih12iw13_oc7_kh3kw3_sh2sw2_ph1pw1_g7",
    ),
    (
        "depthwise_multiplier",
        "mb2_ic5ih8iw9_oc15_kh3kw3_ph1pw1_g5",
    ),
    (
        "depthwise_5x5_dilated",
        "mb1_ic6ih15iw14_oc6_kh5kw5_ph4pw4_dh2dw2_g6",
    ),
    ("one_axis", "mb3_ic4iw19_oc6_kw5_sw2_pw2"),
    ("one_axis_dilated", "mb2_ic6iw23_oc4_kw3_pw0+4_dw4_g2"),
    ("three_axes", "mb2_ic3id5ih6iw7_oc4_kd3kh3kw3_pd1ph1pw1"),
    (
        "three_axes_all_options",
        "mb2_ic4id6ih7iw9_oc6_kd2kh3kw2_sd1sh2sw3_pd1ph0+2pw1_dd2dh1dw3_g2",
    ),
];
