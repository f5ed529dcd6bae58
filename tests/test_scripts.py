def test_the_three_scripts_in_order(script, picture_folder, tmp_path):
    for name in ("TrainModel.py", "GANModel.py", "GeneratePredict.py"):
        result = script(name, "--preset", "smoke")
        assert result.code == 0, result.err
